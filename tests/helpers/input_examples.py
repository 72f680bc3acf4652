"""Examples of readers and stages: a small input, its configuration and what comes out.

Tables in ``tests/data_modules/cohort/examples``, annotated variants in
``tests/data_modules/ingest/variants/annotation/examples``. ``python -m tests.helpers.input_examples`` writes `out` of
all, and docs/input_examples.md from them; look at the difference before you commit it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import yaml

from data_modules.cohort.tables import read_table
from data_modules.columns import table_spec
from data_modules.ingest.variants.annotation.annotate import read_annotations
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.files.vcf_scan import scan

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "tests" / "data_modules" / "cohort" / "examples"
ANNOTATIONS = ROOT / "tests" / "data_modules" / "ingest" / "variants" / "annotation" / "examples"
PAGE = ROOT / "docs" / "input_examples.md"


def example(path: Path) -> dict[str, Any]:
    """The content of an example's file."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def read_example_table(one: dict[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """Patient → column → value, as the reader gives them."""
    (folder / one["file"]).write_text(one["text"], encoding="utf-8")
    options = {"id": "patient", **one.get("options", {})}
    spec = table_spec("mine", "clinical", {"file": one["file"], **options, "columns": one["columns"]})
    read = read_table(spec, folder)
    assert not read.problems, read.problems
    return {
        str(patient): {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for patient, row in read.frame.to_dict("index").items()
    }


def read_example_annotation(one: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Gene, consequence and what else is known of the one allele."""
    path = folder / "one.vcf"
    names = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP1"
    head = ["##fileformat=VCFv4.2", "##contig=<ID=chr17,length=83257441>", *one["header"], names]
    line = f"chr17\t7675088\t.\tC\tT\t.\tPASS\t{one['info']}\tGT\t0/1"
    path.write_text("\n".join([*head, line, ""]), encoding="utf-8")
    settings = AnnotationSettings(**one.get("settings", {}))
    (site,) = read_annotations(scan(path), settings)
    return {key: value for key, value in asdict(site.annotations[0]).items() if value is not None}


def made(path: Path) -> dict[str, Any]:
    """What comes out of an example."""
    read = read_example_table if path.parent == TABLES else read_example_annotation
    with TemporaryDirectory() as folder:
        return read(example(path), Path(folder))


def paths() -> list[Path]:
    """Every example's file."""
    return sorted([*TABLES.glob("*.yaml"), *ANNOTATIONS.glob("*.yaml")])


def page() -> str:
    """docs/input_examples.md, from the examples' files."""
    lines = [
        "# Inputs by example",
        "",
        "Small inputs, their configuration and what comes out; made of the examples that the tests check. What is",
        "read and what refused, format by format: [inputs.md](inputs.md).",
        "",
    ]
    for path in paths():
        one = example(path)
        known = {key: one[key] for key in ("options", "columns", "settings") if key in one}
        given = one["text"] if "text" in one else "\n".join([*one["header"], f"INFO: {one['info']}"])
        configured = yaml.safe_dump(known, sort_keys=False, allow_unicode=True, width=110) if known else "nothing\n"
        out = yaml.safe_dump(one["out"], sort_keys=False, allow_unicode=True, width=110)
        parts = (("it reads", given), ("configured", configured), ("and makes of it", out))
        lines += [f"## {one['what']}", ""]
        for title, text in parts:
            lines += [f"{title}:", "", *(f"    {line}" for line in text.rstrip().splitlines()), ""]
    return "\n".join(lines)


def main() -> None:
    for path in paths():
        kept = path.read_text(encoding="utf-8").split("\nout:")[0].rstrip()
        out = yaml.safe_dump({"out": made(path)}, sort_keys=False, allow_unicode=True, width=110)
        path.write_text(f"{kept}\n{out}", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
