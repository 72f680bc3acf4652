"""The table that stands on the console when a run ends."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from fusion.evaluation.comparison import arm_label
from fusion.evaluation.metrics import METRICS
from fusion.report.sections import duration, number
from fusion.run_folder import RunFolder

_COLUMNS = ("auprc", "balanced_accuracy", "f1", "brier", "calibration_slope")
_STYLES = {"supported": "green", "worse": "red", "not shown": "yellow"}


def print_summary(run: RunFolder, console: Console | None = None) -> None:
    """Arms with their metrics, the verdict, and where the report is.

    Args:
        run: with metrics.json written.
        console: where to; stdout by default.
    """
    console = console or Console()
    metrics, record = run.metrics(), run.record()
    stamp = "SIMULATED · " if metrics["simulated"] else ""
    cohort = record["cohort"]
    table = Table(
        title=escape(f"{stamp}{cohort['name']} → {metrics['endpoint']}"),
        caption=escape(
            f"{metrics['patients']} patients, {metrics['positives']} positive; {metrics['folds']} folds × "
            f"{metrics['repeats']} repeat{'s' if metrics['repeats'] > 1 else ''}, "
            "out of fold; 95 % intervals over patients"
        ),
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("Arm", no_wrap=True)
    table.add_column("AUROC", justify="right", no_wrap=True)
    table.add_column("Gain of fusion", justify="right", no_wrap=True)
    # A narrow terminal cuts figures in half; rather fewer of them.
    columns = _COLUMNS if console.width >= 120 else _COLUMNS[-2:-1]
    for name in columns:
        table.add_column(METRICS[name].replace(" ", "\n", 1), justify="right")
    gains = {row["arm"]: row for row in metrics["comparisons"] if row["metric"] == "auroc"}
    for arm, values in metrics["arms"].items():
        auroc = values["auroc"]
        gain = gains.get(arm)
        table.add_row(
            escape(arm_label(arm)),
            f"{number(auroc['value'])} ({number(auroc['low'], 2)}–{number(auroc['high'], 2)})",
            f"{number(gain['gain'])} ({number(gain['low'], 2)} to {number(gain['high'], 2)})" if gain else "",
            *(number(values[name]["value"], 2) for name in columns),
            style="bold" if arm == metrics["verdict"]["reference"] else None,
        )
    verdict = metrics["verdict"]
    console.print()
    console.print(table)
    console.print(
        Panel(
            escape(f"{stamp}{verdict['text']}"),
            title=f"Verdict: {verdict['status']}",
            border_style=_STYLES[verdict["status"]],
            title_align="left",
        )
    )
    seconds = f" · {duration(record['seconds'])}" if "seconds" in record else ""
    console.print(escape(f"{stamp}Report: {run.report_path}{seconds}"), soft_wrap=True, highlight=False)
