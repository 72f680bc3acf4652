"""A matrix of Hail read without its row keys, so that its files are read once.

With keys Hail first reads all lines of a VCF to learn whether they are sorted, a tenth of the whole ingest's time. No
function of its public interface says that nobody asks: keys that are taken off later have been checked by then. Its
readers can be asked for any part of their type, the keys included; this asks for a type without.
"""

from __future__ import annotations

from typing import Any


def unkeyed(hl: Any, matrix: Any) -> Any:
    """The matrix without row keys, lines in the order of the files.

    Args:
        hl: the initialised `hail` module.
        matrix: as `hl.import_vcf` returns it, untouched.
    """
    from hail import ir
    from hail.expr.matrix_type import tmatrix

    read = matrix._mir
    given = read.typ
    kind = tmatrix(given.global_type, given.col_type, given.col_key, given.row_type, [], given.entry_type)
    parts = {"global": kind.global_type, "col": kind.col_type, "row": kind.row_type, "entry": kind.entry_type}
    told = {name: part._parsable_string() for name, part in parts.items()}
    asked = (
        f"Matrix{{global:{told['global']},col_key:[{','.join(kind.col_key)}],col:{told['col']},"
        f"row_key:[[]],row:{told['row']},entry:{told['entry']}}}"
    )

    class Unkeyed(ir.MatrixRead):  # type: ignore[misc]
        def _handle_randomness(self, row_uid_field_name: Any, col_uid_field_name: Any) -> Any:
            return self  # nothing random is drawn here

        def render_head(self, r: Any) -> str:
            return f'(MatrixRead {asked} {self.drop_cols} {self.drop_rows} "{self.reader.render(r)}"'

    return hl.MatrixTable(Unkeyed(read.reader, _assert_type=kind))
