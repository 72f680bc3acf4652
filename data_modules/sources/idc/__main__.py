"""``python -m data_modules.sources.idc``: radiology of a collection by name from NCI's Imaging Data Commons.

  python -m data_modules.sources.idc collection=tcga_brca dry=true            # which series, how large, which licence
  python -m data_modules.sources.idc collection=tcga_brca modality=[MR] description=T1 limit=20

Keys:
  collection   its id, as https://portal.imaging.datacommons.cancer.gov names it
  modality     of DICOM: one or several of MR, CT, PT, MG, CR, DX, US, NM, SEG, RTSTRUCT; MR and CT by default
  description  regular expression on SeriesDescription; all series by default
  limit        patients: the first, by id; all by default
  output       folder; data/<collection> by default
  dry          true: tell and write the manifest, fetch nothing
  api          address of the service, for a mirror
  store        address of its buckets, with {bucket} in it, for a mirror

All of it is open; nobody signs in. Given again, the command goes on where it stopped. Files lie as
volumes/<patient>/<series>/*.dcm, which modality `volumes` reads. Written beside them: idc_series.csv (folder,
patient_id, modality, description, licence, files, bytes, the ids) and idc.json (data version, date, the keys).

This was written from the service's guide and tested against a local server that answers so; it never met
the real one.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_modules.sources.asked import MENDABLE, answered, asked_keys, is_true, whole_number, words
from fusion.contract import FusionError

if TYPE_CHECKING:
    from data_modules.sources.idc.query import Series
    from data_modules.sources.web.http import Service

MODALITIES = ("MR", "CT", "PT", "MG", "CR", "DX", "US", "NM", "SEG", "RTSTRUCT")
_DEFAULTS: dict[str, Any] = {
    "collection": None, "modality": ["MR", "CT"], "description": None, "limit": None, "output": None, "dry": False,
    "api": None, "store": None,
}  # fmt: skip
TERMS = (
    "Terms: each series is under the licence named, most under CC BY: cite the collection as its page in the IDC's\n"
    "portal says, and do not identify participants. NC in a licence: no commercial use."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, tell, fetch; exit code 2 on what the user can mend."""
    return answered(arguments, __doc__, lambda given: _run(settings(given)), resumable=True)


def settings(arguments: Sequence[str]) -> dict[str, Any]:
    """Keys and values of a command line.

    Raises:
        FusionError: an unknown key, or a value of the wrong kind.
    """
    asked = asked_keys(arguments, _DEFAULTS, texts=("collection", "description", "output", "api", "store"))
    if not isinstance(asked["collection"], str):
        raise FusionError("Give collection=<id>, e.g. collection=tcga_brca.")
    if asked["limit"] is not None:
        whole_number(asked, "limit", "a number of patients", least=1)
    is_true(asked, "dry")
    store = asked["store"]
    if store is not None and "{bucket}" not in str(store):
        raise FusionError(f"store={store}: put {{bucket}} where the bucket's name goes.")
    return {**asked, "modality": words(asked, "modality", MODALITIES)}


def _run(asked: dict[str, Any]) -> int:
    from data_modules.sources.idc.query import API
    from data_modules.sources.web.download import alone_in
    from data_modules.sources.web.http import Service

    service = Service(host=str(asked["api"] or API).rstrip("/"))
    output = Path(asked["output"] or f"data/{asked['collection'].lower()}")
    with alone_in(output, ".idc.lock"):
        return _fetch(service, asked, output)


def _fetch(service: Service, asked: dict[str, Any], output: Path) -> int:
    from data_modules.sources.idc.query import check_collection, choose, list_series
    from data_modules.sources.web.download import require_space

    collection = check_collection(service, asked["collection"])
    listed, version = list_series(service, collection, asked["modality"])
    series = choose(listed, asked["description"], asked["limit"])
    _tell(collection, version, series)
    there = {one.uuid: _there(output / one.folder) for one in series}
    needed = sum(max(0, one.size - there[one.uuid]) for one in series)
    sys.stdout.write(f"To fetch: {needed / 1e9:.3f} GB, into {output}\n{TERMS}\n")
    _write_lists(asked, series, output, version=version)
    if asked["dry"]:
        sys.stdout.write(f"Nothing was fetched (dry=true). Series: {output / 'idc_series.csv'}\n")
        return 0
    require_space(output, needed)
    return _download(asked, series, output)


def _download(asked: dict[str, Any], series: Sequence[Series], output: Path) -> int:
    from data_modules.sources.idc.bucket import STORE, list_instances
    from data_modules.sources.web.download import fetch_all, not_there, places, remaining
    from data_modules.sources.web.http import Service

    pattern = str(asked["store"] or STORE).rstrip("/")
    missing: list[str] = []
    files = unchecked = 0
    for number, one in enumerate(series, start=1):
        sys.stdout.write(f"[{number}/{len(series)}] {one.patient}: {one.modality} {one.description} "
                         f"({one.files} files, {one.size / 1e6:.1f} MB)\n")  # fmt: skip
        sys.stdout.flush()
        store = Service(host=pattern.replace("{bucket}", one.bucket))
        instances = list_instances(store, one)
        where = places(instances, output)
        wanted, _ = remaining(instances, where)
        missing += fetch_all(store, wanted, where, lambda line: None)
        files += len(instances)
        unchecked += sum(instance.md5 is None for instance in instances)
    if missing:
        sys.stderr.write(not_there(missing))
        return MENDABLE
    sizes = f"; of {unchecked} the bucket gives no checksum, and their size is right" if unchecked else ""
    sys.stdout.write(f"All {files} files of {len(series)} series are in {output}, their checksums right{sizes}.\n")
    return 0


def _tell(collection: str, version: str, series: Sequence[Series]) -> None:
    patients = len({one.patient for one in series})
    total = sum(one.files for one in series)
    sys.stdout.write(
        f"{collection}, IDC data version {version}: {len(series)} series, {total} files, {patients} patients\n"
    )
    for modality in dict.fromkeys(one.modality for one in series):
        of_it = [one for one in series if one.modality == modality]
        size = sum(one.size for one in of_it)
        sys.stdout.write(f"  {modality:<14} {len(of_it):>6} series {size / 1e9:>10.3f} GB\n")
    said = Counter(one.description for one in series).most_common(8)
    sys.stdout.write("  described     " + ", ".join(f"{text or '(nothing)'} ({count})" for text, count in said) + "\n")
    for licence, count in Counter(one.licence for one in series).most_common():
        sys.stdout.write(f"  licence       {licence} ({count} series)\n")


def _write_lists(asked: dict[str, Any], series: Sequence[Series], output: Path, *, version: str) -> None:
    from data_modules.hashes import write_text_atomic

    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(
        ("folder", "patient_id", "modality", "description", "licence", "files", "bytes", "study_uid", "series_uid",
         "bucket", "uuid")
    )  # fmt: skip
    rows.writerows(
        (one.folder, one.patient, one.modality, one.description, one.licence, one.files, one.size, one.study, one.uid,
         one.bucket, one.uuid)
        for one in series
    )  # fmt: skip
    record = {**asked, "version": version, "series": len(series)}
    record["asked_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    write_text_atomic(output / "idc_series.csv", table.getvalue())
    write_text_atomic(output / "idc.json", json.dumps(record, indent=1) + "\n")


def _there(folder: Path) -> int:
    """Bytes of a series that an earlier call brought, half files included."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) if folder.is_dir() else 0


if __name__ == "__main__":
    sys.exit(main())
