"""The table that stands on the console when a run ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from fusion.evaluation.comparison import arm_label
from fusion.report import asked, sections
from fusion.report.kinds import kind_of
from fusion.report.parts.secondary import secondary
from fusion.report.sections import duration, number
from fusion.run.folder import RunFolder

_FIGURES = 49
"""Characters of a row that are neither the arm's name nor what stands beside its gain."""
_STYLES = {"supported": "green", "worse": "red", "non-inferior": "cyan", "not shown": "yellow"}


def print_summary(run: RunFolder, console: Console | None = None) -> None:
    """Arms with their metrics, the verdict, flags of the folds, the preset, and where the report is.

    Args:
        run: with metrics.json written.
        console: where to; stdout by default.
    """
    console = console or Console()
    metrics, record = run.metrics(), run.record()
    stamp = "SIMULATED · " if metrics["simulated"] else ""
    verdict = metrics["verdict"]
    console.print()
    console.print(_arms(metrics, record, stamp=stamp, width=console.width))
    console.print(
        Panel(
            escape(f"{stamp}{verdict['text']}{_repeated(verdict)}"),
            title=f"Verdict: {verdict['status']}",
            border_style=_STYLES[verdict["status"]],
            title_align="left",
        )
    )
    for text, style in _sentences(run, metrics, record):
        console.print(escape(f"{stamp}{text}"), style=style, soft_wrap=True, highlight=False)


def _arms(metrics: Mapping[str, Any], record: Mapping[str, Any], *, stamp: str, width: int) -> Table:
    """Every arm's metrics and the gain over it, on a console of so many characters."""
    cohort, kind, lead = record["cohort"], kind_of(record), metrics["verdict"]["metric"]
    table = Table(
        title=escape(f"{stamp}{cohort['name']} → {metrics['endpoint']}"),
        caption=escape(
            f"{kind.patients(metrics)}; {metrics['folds']} folds × "
            f"{metrics['repeats']} repeat{'s' if metrics['repeats'] > 1 else ''}, "
            f"out of fold; 95 % intervals over {sections.drawn(metrics)}"
        ),
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("Arm", no_wrap=True)
    table.add_column(kind.labels[lead], justify="right", no_wrap=True)
    table.add_column("Gain of fusion", justify="right", no_wrap=True)
    # A narrow terminal cuts figures in half; rather fewer of them, and none beside modalities with long names.
    rest = [name for name in kind.console if name != lead]
    room = width - _FIGURES - max(len(arm_label(arm)) for arm in metrics["arms"])
    columns = next(some for some in (rest, rest[-2:-1], []) if sum(_wide(kind.labels[name]) for name in some) <= room)
    for name in columns:
        table.add_column(kind.labels[name].replace(" ", "\n", 1), justify="right")
    gains = {row["arm"]: row for row in metrics["comparisons"] if row["metric"] == lead}
    for arm, values in metrics["arms"].items():
        first = values[lead]
        gain = gains.get(arm)
        table.add_row(
            escape(arm_label(arm)),
            f"{number(first['value'])} ({number(first['low'], 2)}–{number(first['high'], 2)})",
            f"{number(gain['gain'])} ({number(gain['low'], 2)} to {number(gain['high'], 2)})" if gain else "",
            *(number(values[name]["value"], 2) for name in columns),
            style="bold" if arm == metrics["verdict"]["reference"] else None,
        )
    return table


def _sentences(run: RunFolder, metrics: dict[str, Any], record: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """What stands below the verdict, each with its colour."""
    for part in secondary(record, metrics):
        yield f"{part['name']} ({part['role']}): {part['status']}. {part['text']}", None
    for sentence in record.get("telling") or ():
        yield f"Caution, columns: {sentence}", "yellow"
    for flag in asked.flags(run.folds()):
        yield f"Caution, folds: {flag}", "yellow"
    if preset := asked.preset(run):
        yield f"Preset: {preset}", None
    for row in (asked.choices(run, metrics) or {"tuned": []})["tuned"]:
        settings = metrics["choices"]["candidates"][row["most"]]
        yield f"Chosen by inner folds, {arm_label(row['arm'])}: {settings} in {row['times']} of {row['folds']}", None
    seconds = f" · {duration(record['seconds'])}" if "seconds" in record else ""
    yield f"Report: {run.report_path}{seconds}", None


def _wide(label: str) -> int:
    """Characters of a column with its border, its label on two lines."""
    return 3 + max(len(part) for part in label.split(" ", 1))


def _repeated(verdict: Mapping[str, Any]) -> str:
    """In how many repeats it holds; nothing where there is one."""
    told = sections.repeated(verdict)
    return f" {told}" if told and len(verdict["by_repeat"]) > 1 else ""
