"""Run the workflow by Snakemake, in a process of its own: progress, what failed, and which commands were run."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from data_modules.hashes import write_text_atomic
from data_modules.ingest.reads.failures import failures
from data_modules.ingest.reads.plan import Plan, names_of
from data_modules.ingest.reads.process import run_heard
from data_modules.ingest.reads.sheet import write_sheet
from fusion.contract import FusionError, Progress
from fusion.contract.devices import cores

_STEPS = re.compile(r"^(\d+) of (\d+) steps \(")
_PACKAGE = Path(__file__).resolve().parents[2]
_OF_THE_MACHINE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "it may be read alone",
    errno.EACCES: "it may not be written",
    errno.EPERM: "it may not be written",
}
SAID = "logs/snakemake.log"
"""What Snakemake said, of all runs in the folder."""


def workflow_folder() -> Path:
    """``data_modules/workflows/reads_to_vcf`` in a wheel, ``workflows/reads_to_vcf`` in the tree."""
    inside = _PACKAGE / "workflows" / "reads_to_vcf"
    return inside if inside.is_dir() else _PACKAGE.parent / "workflows" / "reads_to_vcf"


def write_inputs(plan: Plan) -> Path:
    """``config.yaml``, ``samples.tsv`` and ``patients.tsv`` in the output folder; the first is returned.

    A file whose content stays is left alone, so that nothing is made again for its time alone.
    """
    folder = plan.output
    config = {"samples": "samples.tsv", **plan.config(), "python": sys.executable}
    patients = "".join(f"{name}\t{unit.patient}\t{unit.kind}\n" for name, unit in sorted(names_of(plan.units).items()))
    files = {
        "config.yaml": yaml.safe_dump(config, sort_keys=False),
        "samples.tsv": write_sheet(plan.units),
        "patients.tsv": f"sample\tpatient\tkind\n{patients}",
    }
    for name, text in files.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text_atomic(path, text)
    return folder / "config.yaml"


def command(plan: Plan, config: Path) -> list[str]:
    """The call of Snakemake, without a shell."""
    return [
        sys.executable, "-m", "snakemake", "--snakefile", str(workflow_folder() / "Snakefile"),
        "--configfile", str(config), "--directory", str(plan.output), "--cores",
        str(plan.settings.cores or cores()), "--keep-going",
        "--rerun-incomplete", "--nolock", "--printshellcmds", *(plan.settings.snakemake or _memory()),
    ]  # fmt: skip


def _memory() -> list[str]:
    """JVMs side by side take no more than the machine has; a profile or other arguments of the user's say their own."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return ["--resources", f"mem_mb={pages * size // 2**20}"]


def run(plan: Plan, progress: Progress) -> None:
    """Make what is not there yet.

    Raises:
        FusionError: another process works in the folder, it cannot be written, or steps failed; finished ones are kept.
        TerminatedError: SIGTERM; a KeyboardInterrupt, as Ctrl-C is. All steps have ended then.
    """
    try:
        plan.output.mkdir(parents=True, exist_ok=True)
        with FileLock(plan.output / ".lock", timeout=0):
            _run(plan, progress)
    except Timeout as error:
        raise FusionError(f"{plan.output}: another process is working there. Wait for it.") from error
    except OSError as error:
        if error.errno not in _OF_THE_MACHINE:
            raise
        raise FusionError(
            f"{plan.output} cannot be written: {_OF_THE_MACHINE[error.errno]} ({error}). Finished steps are kept, "
            "the same command goes on; another disk: reads.output."
        ) from error


def _run(plan: Plan, progress: Progress) -> None:
    config = write_inputs(plan)
    (plan.output / "logs").mkdir(exist_ok=True)
    path = str(_PACKAGE.parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([path, *filter(None, [os.environ.get("PYTHONPATH")])])}
    lines: list[str] = []
    with (plan.output / SAID).open("a", buffering=1, encoding="utf-8") as log:

        def heard(line: str) -> None:
            log.write(line)
            lines.append(line)
            told = _STEPS.match(line)
            if told:
                progress("reads", int(told[1]), int(told[2]))

        code = run_heard(command(plan, config), environment, heard)
    if code:
        raise FusionError(_failed("".join(lines), plan))


def _failed(said: str, plan: Plan) -> str:
    found = failures(said, plan.output)
    where = plan.output / SAID
    if not found:
        errors = re.findall(r"^\w*(?:Error|Exception)\b[^\n]*(?:\n(?!Traceback|During|\n)[^\n]+)*", said, re.MULTILINE)
        tail = errors[0] if errors else said[-600:]
        told = "; ".join(line.strip() for line in tail.splitlines() if line.strip())
        return f"The workflow could not start: {told} ({where})"
    steps = "\n".join(f"  {one}" for one in found)
    number = f"{len(found)} step{'s' if len(found) > 1 else ''}"
    return f"{plan.output}: {number} failed; finished ones are kept, the same command goes on.\n{steps}"


def commands(said: str) -> list[dict[str, str]]:
    """Rule and shell command of every step that was started, in order, each command once.

    Args:
        said: by Snakemake with ``--printshellcmds``.
    """
    made: dict[str, dict[str, str]] = {}
    rule = ""
    for line in said.splitlines():
        started = re.match(r"^(?:local)?rule (\w+):$", line)
        if started:
            rule = started[1]
        elif line.startswith("Shell command: ") and line != "Shell command: None":
            text = line.removeprefix("Shell command: ").strip()
            made[text] = {"rule": rule, "command": text}
    return list(made.values())


def provenance(plan: Plan, *, reference_sha256: str) -> dict[str, object]:
    """What the results came from, JSON-able."""
    said = (plan.output / SAID).read_text(encoding="utf-8", errors="replace")
    return {
        "format": 1,
        "reference": {"path": str(plan.reference), "sha256": reference_sha256},
        "build": plan.build,
        "tools": {one.name: {"version": one.version, "path": one.path} for one in plan.tools},
        "snakemake": _snakemake(),
        "config": plan.config(),
        "samples": [
            {"sample": unit.sample, "patient": unit.patient, "kind": unit.kind, "unit": unit.unit,
             "files": [{"path": str(path), "bytes": path.stat().st_size} for path in unit.files]}
            for unit in plan.units
        ],
        "commands": commands(said),
    }  # fmt: skip


def _snakemake() -> str:
    from importlib.metadata import version

    return version("snakemake")


def outputs(plan: Plan) -> Sequence[tuple[Path, str]]:
    """The files that `modality.variants.files` may name, with their origin."""
    somatic = sorted(name for name, unit in names_of(plan.units).items() if unit.kind == "tumour")
    made = [(plan.output / "somatic" / f"{name}.vcf.gz", "somatic") for name in somatic]
    germline = plan.settings.germline and any(unit.kind != "tumour" for unit in plan.units)
    return ([(plan.output / "germline.vcf.gz", "germline")] if germline else []) + made


def write_provenance(plan: Plan, *, reference_sha256: str) -> None:
    """``provenance.json`` beside the results."""
    text = json.dumps(provenance(plan, reference_sha256=reference_sha256), indent=1)
    write_text_atomic(plan.output / "provenance.json", text + "\n")
