"""Odd inputs from life: each is read, or refused with a mend, as it should be; no traceback, nothing wrong with exit 0.

    python benchmarks/cases.py [names …] [--cases ../shared/cases] [--kind tables_variants|images] [--keep FOLDER]

The cases lie outside the project (each has its source, its command and what is right); what is right of each stands
here in patterns and checks (case_tables.py, case_images.py). Every case runs in a temporary folder. Prints a line a
command, *read*, *refused* or *WRONG* with why; exit code 1 where any is wrong, 3 where there are no cases.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from case_images import IMAGES
from case_right import Right, tail
from case_tables import TABLES

ROOT = Path(__file__).resolve().parent.parent
_MOVED = {"data_modules.cohort.CohortSource": "data_modules.cohort.source.CohortSource"}
"""Names in the cases' files as they were at commit 2c33775 → as they are."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of cases; none runs all")
    parser.add_argument("--cases", type=Path, default=ROOT.parent / "shared/cases")
    parser.add_argument("--kind", choices=("tables_variants", "images"))
    parser.add_argument("--keep", type=Path, help="work here and leave everything")
    given = parser.parse_args()
    if not given.cases.is_dir():
        print(f"there are no cases in {given.cases}")
        return 3
    wrong = total = 0
    for kind, rights in (("tables_variants", TABLES), ("images", IMAGES)):
        folders = sorted(path.parent for path in (given.cases / kind).glob("*/case.yaml"))
        for case in folders:
            if given.kind not in (None, kind) or (given.names and case.name not in given.names):
                continue
            for right in rights.get(case.name, (None,)):
                total += 1
                began = time.perf_counter()
                outcome, why = ("WRONG", "nobody has said what is right") if right is None else run(case, right, given)
                wrong += outcome == "WRONG"
                seconds = time.perf_counter() - began
                print(f"{outcome:8}{case.name}  {seconds:.0f} s{f'  {why}' if why else ''}", flush=True)
    print(f"{total - wrong} of {total} as they should be")
    return int(wrong > 0)


def run(case: Path, right: Right, given: argparse.Namespace) -> tuple[str, str]:
    """The outcome of one command in a folder of its own, and why it is wrong."""
    with tempfile.TemporaryDirectory(prefix="case_") as scratch:
        folder = (given.keep or Path(scratch)) / case.name
        shutil.rmtree(folder, ignore_errors=True)
        environment = {**os.environ, "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        if (case / "make.py").is_file():
            folder.mkdir(parents=True)
            made = call([sys.executable, str(case / "make.py")], folder, {**environment, "CASES_OUT": str(folder)})
            if made.returncode:
                return "WRONG", f"make.py failed: {tail(made.stdout)}"
        else:
            shutil.copytree(case, folder)
        for place, source in right.shared:
            shutil.copytree(case.parent / source, folder / place, dirs_exist_ok=True)
        rename(folder)
        told = yaml.safe_load((case / "case.yaml").read_text(encoding="utf-8"))["command"]
        for command in (*right.before, right.command or re.split(r" \(|; then", told)[0]):
            ended = call(arguments(command, folder), folder, environment)
            if command in right.before and ended.returncode:
                return "WRONG", f"{command} failed: {tail(ended.stdout)}"
        why = right.judge(ended.returncode, ended.stdout, folder)
        return ("WRONG", why) if why else ("read" if ended.returncode == 0 else "refused", "")


def rename(folder: Path) -> None:
    """Give names that have moved since the cases were written."""
    for path in folder.rglob("*.yaml"):
        if path.name == "case.yaml" or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        for old, new in _MOVED.items():
            text = text.replace(f"{old}\n", f"{new}\n")
        path.write_text(text, encoding="utf-8")


def arguments(command: str, folder: Path) -> list[str]:
    """A command of case.yaml as a list, with this Python."""
    words = shlex.split(command.replace("<out>", str(folder)))
    return [sys.executable if word == "python" else word for word in words]


def call(words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", timeout=900, check=False,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
