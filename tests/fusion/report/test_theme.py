"""How a figure gets into a page, by hand."""

from __future__ import annotations

from fusion.report.theme import INK, _inline, arm_colours

SVG = f"""<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" width="10pt" viewBox="0 0 {{width}} 90" version="1.1">
 <metadata>
  <date>today</date>
 </metadata>
 <defs><path id="p1" style="stroke: {INK}"/></defs>
 <use xlink:href="#p1"/><g clip-path="url(#p2)" style="font: 9px 'DejaVu Sans'; fill: #ffffff"/>
</svg>"""


def test_a_figure_takes_the_pages_ink_font_and_paper_and_has_ids_of_its_own() -> None:
    text = _inline(SVG.replace("{width}", "517.6"), "roc")
    assert text.splitlines()[0] == (
        '<svg style="--width: 518px" viewBox="0 0 517.6 90" aria-hidden="true" focusable="false">'
    )
    assert "today" not in text and "metadata" not in text
    assert 'id="roc-p1" style="stroke: currentColor"' in text
    assert '<use href="#roc-p1"/><g clip-path="url(#roc-p2)"' in text
    assert "font: 9px var(--font); fill: var(--paper)" in text


def test_arms_keep_their_colours() -> None:
    singles = [f"only_{number}" for number in range(6)]
    colours = arm_colours(["fusion", "late", "classical", *singles])
    assert (colours["fusion"], colours["late"], colours["classical"]) == ("#0072b2", "#d55e00", "#7f8792")
    assert len({colours[one] for one in singles[:5]}) == 5
    assert colours["only_5"] == colours["only_0"]
