"""What card and checklist are filled from: the run folder's files, and nothing else. No patient is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusion.report.kinds import kind_of
from fusion.run.folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Of a run.

    Attributes:
        record: run.json.
        config: config.yaml.
        metrics: metrics.json.
        labels: metric → name.
        output: what predictions are, in words.
        seen: patients that any file names, and
        kept: how many of them were kept.
        quality: whether ingest told what it read and dropped.
    """

    record: Mapping[str, Any]
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    labels: Mapping[str, str]
    output: str
    seen: int
    kept: int
    quality: bool

    @property
    def endpoint(self) -> Mapping[str, Any]:
        """What is predicted."""
        found: Mapping[str, Any] = self.record["cohort"]["endpoint"]
        return found

    @property
    def modalities(self) -> list[str]:
        """What it is predicted from."""
        return list(self.config.get("modality") or {})

    @property
    def reference(self) -> str:
        """The arm that is judged."""
        return str(self.metrics["verdict"]["reference"])

    def setting(self, path: str) -> Any:
        """A value of config.yaml by its dotted key; None where it has none."""
        node: Any = self.config
        for part in path.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return node

    def told(self, metric: str) -> str:
        """A metric of the judged arm with its interval, for readers."""
        found = self.metrics["arms"].get(self.reference, {}).get(metric)
        if not found or found["value"] is None:
            return "undefined"
        bounds = "" if found["low"] is None else f" ({found['low']:.3f} to {found['high']:.3f})"
        return f"{found['value']:.3f}{bounds}"


def facts_of(run: RunFolder) -> Facts:
    """Read them."""
    record, cohort = run.record(), run.cohort()
    return Facts(
        record=record,
        config=run.config(),
        metrics=run.metrics(),
        labels=kind_of(record).labels,
        output=kind_of(record).output,
        seen=len(cohort),
        kept=int(cohort["kept"].astype(bool).sum()),
        quality=bool(run.quality()),
    )


def plain(text: Any) -> str:
    """Text of data as one line of Markdown in which nothing of it is markup."""
    line = " ".join(str(text).split()).replace("\\", "\\\\")
    for mark in "|*_`[]":
        line = line.replace(mark, f"\\{mark}")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
