"""How figures look: colours that colour-blind readers tell apart, no decoration, and SVG that takes the page's ink."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fusion.run.files import replace_file

INK = "#1b2430"
"""Of text and axes; becomes ``currentColor`` in the page, so that dark mode is readable."""

_SINGLES = ("#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#b2912f")
_OTHERS = {"fusion": "#0072b2", "late": "#d55e00"}
GREY = "#7f8792"


def arm_colours(arms: Sequence[str]) -> dict[str, str]:
    """Okabe & Ito's palette (2008): fusion blue, late fusion vermilion, single modalities in turn, classical grey."""
    singles = [arm for arm in arms if arm.startswith("only_")]
    return {
        arm: _OTHERS.get(arm, _SINGLES[singles.index(arm) % len(_SINGLES)] if arm in singles else GREY) for arm in arms
    }


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib settings of every figure; names are never parsed as mathematics."""
    import matplotlib as mpl

    settings: Any = {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "text.color": INK,
        "text.parse_math": False,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "legend.frameon": False,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "svg.fonttype": "none",
    }
    with mpl.rc_context(settings):
        yield


def stamp(figure: Any) -> None:
    """SIMULATED across a figure, so that it cannot pass for real wherever it is pasted."""
    size = 7.2 * min(figure.get_figwidth(), 2.2 * figure.get_figheight())
    centred = {"ha": "center", "va": "center", "rotation": 20}
    figure.text(0.5, 0.5, "SIMULATED", fontsize=size, weight="bold", color=GREY, alpha=0.2, **centred)


def save_figure(figure: Any, folder: Path, name: str) -> str:
    """Write ``<name>.svg`` and ``<name>.png`` and return the SVG to put into a page.

    The same figure gives the same bytes. Ids carry the figure's name, for several SVGs share one page.
    """
    svg = _svg(figure, name)
    replace_file(folder / f"{name}.svg", lambda partial: partial.write_text(svg, encoding="utf-8"))
    replace_file(
        folder / f"{name}.png",
        lambda partial: figure.savefig(partial, format="png", dpi=160, facecolor="white", metadata={"Software": None}),
    )
    return _inline(svg, name)


def save_figures(figures: Mapping[str, Any], folder: Path, *, simulated: bool) -> dict[str, Any]:
    """Save figures, stamped where patients are simulated, and give each as safe markup.

    Args:
        figures: name → figure, or None where there is nothing to draw, which stays None; called in their style.
        folder: to save them in.
        simulated: whether they show simulated patients.
    """
    from markupsafe import Markup

    made: dict[str, Any] = {}
    for name, figure in figures.items():
        if figure is not None and simulated:
            stamp(figure)
        # Markup: this SVG is matplotlib's, which escapes the texts in it.
        made[name] = None if figure is None else Markup(save_figure(figure, folder, name))  # noqa: S704
    return made


def inline_svg(figure: Any, name: str) -> str:
    """The SVG of a figure to put into a page, without files of it."""
    return _inline(_svg(figure, name), name)


def _svg(figure: Any, name: str) -> str:
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _begin(match: re.Match[str]) -> str:
    """Its width in points goes along: the page stretches it no further than reads well, and a phone scrolls it."""
    width = float(match[1].split()[2])
    return f'<svg style="--width: {width:.0f}px" viewBox="{match[1]}" aria-hidden="true" focusable="false">'


def _inline(svg: str, name: str) -> str:
    """Without prolog and metadata, with the page's ink and font, and ids of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', _begin, svg, count=1)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    svg = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', svg)
    return svg.replace("'DejaVu Sans'", "var(--font)").replace(INK, "currentColor").replace("#ffffff", "var(--paper)")
