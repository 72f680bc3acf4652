"""How long it takes to see that files are what a run read: 1,000 files, at first, unchanged, and with verify=full.

    python benchmarks/input_index.py [--files 1000] [--megabytes 1]

The aim is 5 s for 1,000 unchanged files.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from data_modules.hashes import file_hashes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--megabytes", type=float, default=1.0, help="of each file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        content = b"\1" * int(given.megabytes * 1e6)
        files = {f"slide_{number:05}.svs": root / "slides" / f"slide_{number:05}.svs" for number in range(given.files)}
        (root / "slides").mkdir()
        for number, path in enumerate(files.values()):
            path.write_bytes(number.to_bytes(4, "big") + content)
        first = None
        for what, again in (("first", False), ("unchanged", False), ("verify=full", True)):
            began = time.perf_counter()
            found = file_hashes(files, memo=root / "cache", again=again)
            seconds = time.perf_counter() - began
            first = first or found
            assert found == first
            sys.stdout.write(f"{given.files} files of {given.megabytes:g} MB, {what}: {seconds:.2f} s\n")


if __name__ == "__main__":
    main()
