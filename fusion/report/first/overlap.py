"""Who has what: patients by the sources that they are in, as an UpSet figure (Lex et al., IEEE TVCG 2014)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from matplotlib.figure import Figure

from fusion.report.theme import INK

MOST = 12
"""Combinations that are drawn; the others are counted together."""

_ABSENT = "#c9ced6"
_BAR = "#0072b2"


def combinations(patients: Mapping[str, Collection[str]]) -> list[tuple[tuple[str, ...], int]]:
    """Sources that patients are in and no others → how many patients, the most first.

    Args:
        patients: source → ids.
    """
    held = {name: set(ids) for name, ids in patients.items()}
    everyone = sorted(set().union(*held.values()))
    counted = Counter(tuple(name for name, ids in held.items() if one in ids) for one in everyone)
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


def overlap(patients: Mapping[str, Collection[str]]) -> Figure:
    """A column a combination: above it how many patients, below it a dot for each source that they have."""
    found = combinations(patients)
    shown, rest = found[:MOST], found[MOST:]
    names = list(patients)
    figure = Figure(figsize=(max(5.0, 2.6 + 0.55 * len(shown)), 1.9 + 0.28 * len(names)), layout="constrained")
    bars, dots = figure.subplots(2, 1, sharex=True, height_ratios=[1.5, max(0.6, 0.28 * len(names))])
    bars.bar(range(len(shown)), [count for _, count in shown], color=_BAR, width=0.6)
    for at, (_, count) in enumerate(shown):
        bars.annotate(str(count), (at, count), ha="center", va="bottom", fontsize=8.5)
    bars.set_ylabel("patients")
    bars.tick_params(bottom=False, labelbottom=False)
    for at, (having, _) in enumerate(shown):
        for row, name in enumerate(names):
            dots.plot(at, row, "o", markersize=7, color=INK if name in having else _ABSENT)
        rows = [names.index(name) for name in having]
        dots.plot([at, at], [min(rows), max(rows)], color=INK, linewidth=1.4)
    dots.set_yticks(range(len(names)), [f"{name}  ({len(set(patients[name]))})" for name in names])
    dots.set_ylim(len(names) - 0.5, -0.5)
    dots.set_xlim(-0.6, len(shown) - 0.4)
    dots.tick_params(bottom=False, labelbottom=False, left=False)
    for side in ("bottom", "left"):
        dots.spines[side].set_visible(False)
    if rest:
        told = f"{sum(count for _, count in rest)} patients have {len(rest)} other combinations"
        dots.set_xlabel(told, fontsize=8.5)
    return figure


def told(patients: Mapping[str, Collection[str]]) -> str:
    """The figure in words, for who cannot see it."""
    rows = [f"{count} patients have {', '.join(having)}" for having, count in combinations(patients)[:MOST]]
    return "; ".join(rows) + "."


def drawn(patients: Mapping[str, Collection[str]]) -> str | None:
    """The figure as markup for a page; None where nobody has anything."""
    from markupsafe import Markup

    from fusion.report.theme import inline_svg, style

    if not any(patients.values()):
        return None
    with style():
        # Markup: matplotlib escapes the texts in its SVG.
        return Markup(inline_svg(overlap(patients), "overlap"))  # noqa: S704
