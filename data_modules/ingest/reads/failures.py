"""A workflow that failed: which step of which sample, why, and what mends it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^Error in (?:group )?(?:rule|job) (?P<rule>[\w-]+)[^\n]*\n(?P<body>(?:[ \t]+[^\n]*\n|\n(?=[ \t]))*)", re.MULTILINE
)
_LOG = re.compile(r"^\s+log: (?P<log>[^\n]+?)(?: \(check log file\(s\) for error details\))?$", re.MULTILINE)
_LINES = 6
_FRAME = re.compile(r"^\s+at [\w.$<>]+\(")
"""Of a Java stack trace, which would push out what is said before it."""

CAUSES: Mapping[str, str] = {
    r"no space left on device|disk quota exceeded|errno 28": "the disk is full. Free some, or move reads.output",
    r"unexpected end of file|truncated|eof marker is absent|igzip: encountered": "a file is truncated. Fetch it again",
    r"md5 checksum reference mismatch": "the CRAM was written with another reference. Set reads.reference to that one",
    r"paired reads have different names": "mates are out of step. Fetch both files again",
    r"cannot allocate memory|out of memory|std::bad_alloc|outofmemoryerror": "memory ran out. Set reads.cores lower",
    r"command not found|no such file or directory: '?(?:/\S+/)?(?:gatk|vep)": "a tool is missing. Install it",
    r"snpeffectpredictor\.bin|download the database": "SnpEff has no such database. Fetch it (snpEff download "
    "<name>), or set reads.annotation.gtf, of which one is built",
    r"permission denied": "a file may not be read or written",
}
"""What tools say, in small letters → what it means."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A step that failed.

    Attributes:
        rule: of the workflow.
        log: of the step, below the output folder; None where it has none.
        said: the log's last lines.
    """

    rule: str
    log: Path | None
    said: str

    def __str__(self) -> str:
        what = f"step {self.rule}" + (f" of {self.log.name.removesuffix('.log')}" if self.log else "")
        cause = next((meaning for pattern, meaning in CAUSES.items() if re.search(pattern, self.said.lower())), None)
        lines = [line.strip() for line in self.said.splitlines() if line.strip() and not _FRAME.match(line)]
        told = "; ".join(lines[-_LINES:])
        because = f"{cause}. It said: " if cause else ""
        return f"{what}: {because}{told or 'it said nothing'}" + (f" ({self.log})" if self.log else "")


def failures(said: str, folder: Path) -> list[Failure]:
    """The steps that failed, each once, by what Snakemake wrote.

    Args:
        said: by Snakemake.
        folder: in which it worked.
    """
    found: dict[tuple[str, str], Failure] = {}
    for block in _BLOCK.finditer(said):
        logs = _LOG.search(block["body"])
        name = logs["log"].split(", ")[0].strip() if logs else ""
        path = Path(name) if name else None
        content = ""
        if path is not None and (folder / path).is_file():
            content = (folder / path).read_text(encoding="utf-8", errors="replace")
        found[block["rule"], name] = Failure(rule=block["rule"], log=path, said=content)
    return list(found.values())
