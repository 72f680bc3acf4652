"""``python -m data_modules.sources.gdc``: a project's files by name from the Genomic Data Commons.

  python -m data_modules.sources.gdc project=TCGA-BRCA data=[clinical,maf] dry=true     # what there is, and how large
  python -m data_modules.sources.gdc project=TCGA-BRCA data=[clinical,maf,slides] limit=20

Keys:
  project   its id
  data      of clinical (BCR Biotab), maf (masked somatic mutations), slides (diagnostic), tissue_slides, copy_number
  limit     patients: the first, by id, who have everything asked for (clinical tables come whole); all by default
  output    folder; data/<project> by default
  dry       true: tell and write the manifest, fetch nothing
  token     file with a GDC token: controlled files too; without it the open tier alone
  api       address of the service, for a mirror

Given again, the command goes on where it stopped. Written beside the files: gdc_manifest.tsv (as the portal gives it),
gdc_files.csv (file, patient_id, kind, uuid, md5: a sample_sheet for cohorts) and gdc.json (release, date, the keys).

This was written from the service's guide and tested against a local server that answers so; it never met
the real one.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_modules.sources.asked import MENDABLE, answered, asked_keys, is_true, whole_number, words
from fusion.contract import FusionError

CLOSED = "Controlled files need token=<file with your GDC token>, and dbGaP's authorisation."
_DEFAULTS: dict[str, Any] = {
    "project": None, "data": None, "limit": None, "output": None, "dry": False, "token": None, "api": None,
}  # fmt: skip

TERMS = (
    "Terms: open access needs no authorisation; the GDC's data access policies apply\n"
    "(https://gdc.cancer.gov/access-data/data-access-policies), among them not to identify participants.\n"
    "The service states no licence of single files; cite the project and the GDC."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, tell, fetch; exit code 2 on what the user can mend."""
    return answered(arguments, __doc__, lambda given: _run(settings(given)), resumable=True)


def settings(arguments: Sequence[str]) -> dict[str, Any]:
    """Keys and values of a command line.

    Raises:
        FusionError: an unknown key, or a value of the wrong kind.
    """
    from data_modules.sources.gdc.query import KINDS

    asked = asked_keys(arguments, _DEFAULTS)
    if not isinstance(asked["project"], str) or not asked["data"]:
        raise FusionError("Give project=<id> and data=[…], e.g. project=TCGA-BRCA data=[clinical,maf].")
    if asked["limit"] is not None:
        whole_number(asked, "limit", "a number of patients", least=1)
    is_true(asked, "dry")
    return {**asked, "data": words(asked, "data", list(KINDS))}


def _run(asked: dict[str, Any]) -> int:
    from data_modules.sources.gdc.query import HOST
    from data_modules.sources.web.download import alone_in
    from data_modules.sources.web.http import Service

    token = _token(asked["token"])
    service = Service(host=str(asked["api"] or HOST).rstrip("/"), token=token, closed=CLOSED)
    output = Path(asked["output"] or f"data/{asked['project'].lower()}")
    with alone_in(output, ".gdc.lock"):
        return _fetch(service, asked, output)


def _fetch(service: Any, asked: dict[str, Any], output: Path) -> int:
    from data_modules.sources.gdc.query import check_project, choose, list_files
    from data_modules.sources.web.download import fetch_all, not_there, places, remaining, require_space

    release = str(service.ask("status").get("data_release", "unknown"))
    name = check_project(service, asked["project"])
    listed = {
        kind: list_files(service, asked["project"], kind, controlled=service.token is not None)
        for kind in asked["data"]
    }
    files, patients = choose(listed, asked["limit"])
    where = places(files, output)
    wanted, needed = remaining(files, where)
    sys.stdout.write(f"{asked['project']} ({name}), {release}: {len(files)} files, {len(patients)} patients\n")
    for kind in asked["data"]:
        of_kind = [one for one in files if one.kind == kind]
        size = sum(one.size for one in of_kind)
        sys.stdout.write(f"  {kind:<14} {len(of_kind):>6} files  {size / 1e9:>10.3f} GB\n")
    sys.stdout.write(f"To fetch: {len(wanted)} files, {needed / 1e9:.3f} GB, into {output}\n{TERMS}\n")
    _write_lists(asked, files, where, output, release=release)
    if asked["dry"]:
        sys.stdout.write(f"Nothing was fetched (dry=true). Manifest: {output / 'gdc_manifest.tsv'}\n")
        return 0
    require_space(output, needed)
    missing = fetch_all(service, wanted, where, lambda line: sys.stdout.write(f"{line}\n"))
    if missing:
        sys.stderr.write(not_there(missing))
        return MENDABLE
    sys.stdout.write(f"All {len(files)} files are in {output}, their checksums right.\n")
    return 0


def _write_lists(
    asked: dict[str, Any], files: Sequence[Any], where: dict[str, Path], output: Path, *, release: str
) -> None:
    from data_modules.hashes import write_text_atomic

    manifest, table = io.StringIO(), io.StringIO()
    rows = csv.writer(manifest, delimiter="\t", lineterminator="\n")
    rows.writerow(("id", "filename", "md5", "size", "state"))
    rows.writerows((one.uuid, one.name, one.md5, one.size, one.state) for one in files)
    sheet = csv.writer(table, lineterminator="\n")
    sheet.writerow(("file", "patient_id", "kind", "uuid", "md5"))
    for one in files:
        path = where[one.uuid].relative_to(output).as_posix()
        sheet.writerows((path, patient, one.kind, one.uuid, one.md5) for patient in one.patients)
    record = {key: value for key, value in asked.items() if key != "token"}
    record |= {"release": release, "asked_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "files": len(files)}
    write_text_atomic(output / "gdc_manifest.tsv", manifest.getvalue())
    write_text_atomic(output / "gdc_files.csv", table.getvalue())
    write_text_atomic(output / "gdc.json", json.dumps(record, indent=1) + "\n")


def _token(path: Any) -> str | None:
    if path is None:
        return None
    try:
        token = Path(str(path)).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise FusionError(f"token={path}: cannot be read ({error}).") from error
    if not token or any(one.isspace() or not one.isprintable() for one in token):
        raise FusionError(f"token={path}: holds no token, which is one line of characters.")
    return token


if __name__ == "__main__":
    sys.exit(main())
