"""The programs that the workflow calls: which are needed, which version is there, and what mends their absence."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data_modules.ingest.reads.settings import ReadsSettings


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A program.

    Attributes:
        version: arguments that make it say its version.
        least: the oldest that has every option that the workflow uses.
        mend: how it is installed.
        pattern: finds the version in what it says.
    """

    version: tuple[str, ...]
    least: tuple[int, ...]
    mend: str
    pattern: str = r"(\d+(?:\.\d+)+)"


TOOLS: Mapping[str, Tool] = {
    "bwa": Tool(version=(), least=(0, 7, 12), mend="apt install bwa", pattern=r"Version: (\d+(?:\.\d+)+)"),
    "bwa-mem2": Tool(version=("version",), least=(2, 0), mend="see github.com/bwa-mem2/bwa-mem2"),
    "samtools": Tool(version=("--version",), least=(1, 13), mend="apt install samtools"),
    "bcftools": Tool(version=("--version",), least=(1, 12), mend="apt install bcftools"),
    "freebayes": Tool(version=("--version",), least=(1, 3), mend="apt install freebayes"),
    "fastp": Tool(version=("--version",), least=(0, 20), mend="apt install fastp, or set reads.trim=false"),
    "sambamba": Tool(
        version=("--version",), least=(0, 7), mend="apt install sambamba, or set reads.duplicates=samtools"
    ),
    "multiqc": Tool(version=("--version",), least=(1, 9), mend="apt install multiqc, or set reads.multiqc=false"),
    "snpEff": Tool(version=("-version",), least=(4, 1), mend="apt install snpeff"),
    "gatk": Tool(
        version=("--version",), least=(4, 1), mend="see gatk.broadinstitute.org, or set reads.caller=freebayes"
    ),
    "table_annovar.pl": Tool(
        version=("--version",),
        least=(),
        mend="ask for it at annovar.openbioinformatics.org",
        pattern=r"Date:\s*([\d-]+)",
    ),
    "vep": Tool(
        version=("--help",), least=(100,), mend="see ensembl.org/vep", pattern=r"ensembl-vep\s*:\s*(\d+(?:\.\d+)*)"
    ),
}
"""What the workflow can call; `reads.annotation.program` and `reads.gatk.program` name other places of some."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A program on this machine.

    Attributes:
        name: of `TOOLS`.
        program: as it is called.
        path: where it lies; None where it is missing.
        version: as it says; None where it says none that can be read.
    """

    name: str
    program: str
    path: str | None
    version: str | None

    @property
    def problem(self) -> str | None:
        """What speaks against it."""
        tool = TOOLS[self.name]
        if self.path is None:
            return f"{self.program} is missing: there is no such program on the path. Install it: {tool.mend}."
        if not tool.least:
            return None
        least = ".".join(map(str, tool.least))
        if self.version is None:
            return (
                f"{self.program} ({self.path}) does not say its version, or does not start. Needed is {least} or later."
            )
        if tuple(int(part) for part in re.findall(r"\d+", self.version)) < tool.least:
            return f"{self.program} ({self.path}) is too old: {self.version}; needed is {least} or later. {tool.mend}."
        return None


def find(name: str, program: str | None = None) -> Found:
    """Look a program up, and ask it for its version.

    Args:
        name: of `TOOLS`.
        program: another name or place of it.
    """
    called = program or name
    path = shutil.which(called)
    if path is None:
        return Found(name=name, program=called, path=None, version=None)
    try:
        said = subprocess.run(
            [path, *TOOLS[name].version], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
            check=False, errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return Found(name=name, program=called, path=path, version=None)
    found = re.search(TOOLS[name].pattern, said.stdout + said.stderr)
    return Found(name=name, program=called, path=path, version=found[1] if found else None)


def needed(settings: ReadsSettings, *, aligner: str | None, multiqc: bool) -> dict[str, str | None]:
    """Tool → another name of its program, of all that these settings make the workflow call.

    Args:
        settings: of the workflow.
        aligner: None where nothing is aligned.
        multiqc: whether its page is made.
    """
    names: dict[str, str | None] = {"samtools": None, "bcftools": None}
    if aligner:
        names[aligner] = None
    if aligner and settings.trim:
        names["fastp"] = None
    if settings.duplicates == "sambamba":
        names["sambamba"] = None
    if settings.caller == "freebayes":
        names["freebayes"] = None
    if settings.caller == "gatk":
        names["gatk"] = settings.gatk.program
    annotator = {"snpeff": "snpEff", "annovar": "table_annovar.pl", "vep": "vep"}.get(settings.annotation.tool)
    if annotator:
        names[annotator] = settings.annotation.program
    if multiqc:
        names["multiqc"] = None
    return names


def tool_problems(found: Sequence[Found]) -> list[str]:
    """What is missing or too old; Snakemake itself too."""
    problems = [problem for one in found if (problem := one.problem)]
    if find_spec("snakemake") is None:
        problems.append("Snakemake is missing. Install it: pip install 'oncofusion[workflow]'.")
    return problems


def report() -> list[Found]:
    """Every tool, found or not: what a page about this machine lists."""
    return [find(name) for name in TOOLS]
