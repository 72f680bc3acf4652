"""Which gene looked where, on a patient's page: names escaped, tiles by place, number or name."""

from __future__ import annotations

import re
from typing import Any

from fusion.report.page import environment
from fusion.report.words import percent


def rendered(rows: list[dict[str, Any]]) -> str:
    templates = environment()
    templates.filters["percent"] = percent
    html: str = templates.get_template("looked.html.j2").render(patient={"looked": rows})
    return html


def test_rows_say_who_looked_where() -> None:
    row = {"modality": "variants", "at": "slides", "share": 0.625, "times": 2.345}
    html = rendered(
        [
            {**row, "label": "<TP53>", "tile": 4, "x": 640, "y": 0},
            {**row, "label": "BRCA1", "tile": 4},
            {**row, "label": "ATM", "tile": 4, "named": "t1, patch 5", "at": "mri"},
        ]
    )
    cells = [re.sub(r"<[^>]+>", "|", line) for line in html.splitlines() if line.startswith('<tr><th scope="row">')]
    told = [[part for part in line.split("|") if part] for line in cells]
    assert told == [
        ["&lt;TP53&gt;", "variants", "slides", "62 %", "tile at 640, 0", "2.3 times"],
        ["BRCA1", "variants", "slides", "62 %", "tile 5", "2.3 times"],
        ["ATM", "variants", "mri", "62 %", "t1, patch 5", "2.3 times"],
    ]


def test_nothing_where_nobody_looked() -> None:
    assert rendered([]).strip() == ""
