"""The page beside a draft: tables column by column, files, who has what, what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.report.first.overlap import drawn, told
from fusion.report.page import environment
from fusion.run.files import replace_file

MOST_COLUMNS = 150
"""Columns of a table that the page shows."""


def write_profile(profile: Mapping[str, Any], path: Path) -> Path:
    """Write the page.

    Args:
        profile: of `data_modules.drafting.draft.Draft`.
        path: of the page.

    Returns:
        `path`.
    """
    html = (
        environment()
        .get_template("profile.html.j2")
        .render(
            title=f"{profile['name']}: what its files hold",
            simulated=bool(profile.get("simulated")),
            profile=profile,
            overlap=drawn(profile["patients"]),
            told=told(profile["patients"]),
            most=MOST_COLUMNS,
        )
    )
    replace_file(path, lambda partial: partial.write_text(html, encoding="utf-8"))
    return path
