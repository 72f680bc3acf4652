"""sweep.json and sweep.html: a sweep's jobs, and its winner's plain figure beside a bias-corrected one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusion.evaluation.comparison import arm_label
from fusion.evaluation.outcome import outcome_of
from fusion.evaluation.sweeps import JobScores, corrected
from fusion.report.kinds import kind_of
from fusion.report.page import environment
from fusion.report.sections import drawn, number
from fusion.report.sweeps.searched import importances, shared, values_of
from fusion.report.theme import save_figures, style
from fusion.run.files import RunFolderError, replace_file, replace_json
from fusion.run.folder import RunFolder
from fusion.run.sweep import FILE, Sweep, open_sweep

PAGE = "sweep.html"

APPROXIMATE = (
    "approximate, for jobs may have been proposed by what others gave on these patients, and the correction takes them "
    "for given"
)


def write_sweep(folder: Path, *, arm: str, draws: int, seed: int) -> str:
    """Compare a sweep's finished jobs; write sweep.json and sweep.html into its folder.

    Args:
        folder: of the sweep.
        arm: whose scores rank.
        draws: of the bootstrap.
        seed: of the draws.

    Returns:
        The same in a few lines for the console.

    Raises:
        FusionError: it is no sweep's folder, or its jobs cannot be compared.
    """
    sweep = open_sweep(folder)
    first = next(iter(sweep.jobs.values()))
    record = first.record()
    outcome = outcome_of(first.cohort_spec().endpoint)
    jobs = {name: _scores(run, arm) for name, run in sweep.jobs.items()}
    found = corrected(jobs, outcome, draws=draws, seed=seed)
    content = _content(sweep, found, arm=arm, simulated=bool(record["simulated"]))
    replace_json(folder / FILE, content)
    label = kind_of(record).labels[found["metric"]]
    figures = _figures(folder, content, sweep, label)
    html = page_of(content, record, label=label, figures=figures)
    replace_file(folder / PAGE, lambda partial: partial.write_text(html, encoding="utf-8"))
    return told(content, label, folder)


def page_of(content: dict[str, Any], record: dict[str, Any], *, label: str, figures: dict[str, Any]) -> str:
    """The page's text.

    Args:
        content: of sweep.json.
        record: of the first job's run.
        label: of the figure that ranks.
        figures: `parallel` and `importances`, safe markup or None.
    """
    text: str = (
        environment()
        .get_template("sweep.html.j2")
        .render(
            title=f"{record['cohort']['name']}: {record['cohort']['endpoint']['name']}, a sweep",
            simulated=content["simulated"],
            sweep=content,
            run=record,
            label=label,
            drawn=drawn(content),
            approximate=APPROXIMATE,
            figures=figures,
        )
    )
    return text


def told(content: dict[str, Any], label: str, folder: Path) -> str:
    """The winner, its plain and its corrected figure, and what was left out, for the console."""
    stamp = "SIMULATED · " if content["simulated"] else ""
    best = next(row for row in content["jobs"] if row["job"] == content["winner"])
    right = content["corrected"]
    interval = f" ({number(right['low'], 2)} to {number(right['high'], 2)})" if right["low"] is not None else ""
    arm, left = arm_label(content["arm"]), content["unfinished"]
    apart = " ".join(f"{key}={value}" for key, value in best["differs"].items() if value)
    lines = [
        f"{stamp}Winner of {len(content['jobs'])} jobs: {best['job']}{f' ({apart})' if apart else ''}, {arm}",
        f"  {label} out of fold {number(content['plain'])}: optimistic, for all patients helped to choose it",
        f"  corrected for that {number(right['value'])}{interval}{'; ' + APPROXIMATE if content['adaptive'] else ''}",
    ]
    if content["pruned"]:
        lines.append(f"  left out, given up for they were behind: {len(content['pruned'])}")
    if left:
        lines.append(f"  left out, unfinished: {len(left)} (job {', '.join(left[:8])})")
    return "\n".join([*lines, f"Report: {folder / PAGE}"])


def ranked_scores(jobs: dict[str, Any]) -> dict[str, float]:
    """Job → the figure that ranks, of the jobs in which it exists."""
    return {name: float(one["inner"]) for name, one in jobs.items() if one["inner"] is not None}


def _figures(folder: Path, content: dict[str, Any], sweep: Sweep, label: str) -> dict[str, Any]:
    """The page's figures, saved under figures/ of the sweep too; None where there is nothing to draw."""
    from fusion.report.sweeps import figures as draw

    values = values_of(sweep.settings)
    scores = {row["job"]: float(row["score"]) for row in content["jobs"] if row["score"] is not None}
    varied = any(values.values()) and len(scores) > 1
    shares = content["importances"]
    with style():
        plots = {
            "parallel": draw.parallel(values, scores, winner=content["winner"], label=label) if varied else None,
            "importances": draw.mattered(shares) if shares else None,
        }
        return save_figures(plots, folder / "figures", simulated=content["simulated"])


def _scores(run: RunFolder, arm: str) -> JobScores:
    inner, outer = run.inner_predictions(), run.predictions()
    if inner.empty:
        raise RunFolderError(
            f"{run.path}: keeps no inner predictions, for an older version wrote it. Run the sweep again to compare "
            "its jobs."
        )
    arms = sorted(set(inner["arm"]) & set(outer["arm"]))
    if arm not in arms:
        raise RunFolderError(f"{run.path}: has no arm {arm!r}; set arm to one of {', '.join(arms)}.")
    return JobScores(inner=inner[inner["arm"] == arm], outer=outer[outer["arm"] == arm])


def _content(sweep: Sweep, found: dict[str, Any], *, arm: str, simulated: bool) -> dict[str, Any]:
    """Jobs ranked, the best first; jobs whose figure does not exist are last."""
    figures, differing = found["jobs"], values_of(sweep.settings)
    ranked = sorted(figures, key=lambda name: -figures[name]["inner"] if figures[name]["inner"] is not None else 1.0)
    return {
        **found,
        "simulated": simulated,
        "arm": arm,
        "sweeper": sweep.sweeper,
        "adaptive": sweep.adaptive,
        "unfinished": list(sweep.unfinished),
        "pruned": list(sweep.pruned),
        "importances": importances(differing, ranked_scores(figures)),
        "shared": shared(sweep.settings),
        "jobs": [
            {
                "job": name,
                "differs": differing[name],
                "overrides": sweep.settings[name],
                "score": figures[name]["inner"],
                "outer": figures[name]["outer"],
            }
            for name in ranked
        ],
    }
