"""The list of runs as a page: filtered and sorted by the server, so that the page needs no script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from fusion.report.browse.found import Found
from fusion.report.page import environment

SORTS: Mapping[str, tuple[str, Callable[[Found], Any]]] = {
    "name": ("Run", lambda one: one.name),
    "cohort": ("Cohort", lambda one: (one.cohort, one.endpoint)),
    "patients": ("Patients", lambda one: -(one.patients or 0)),
    "figure": ("Figure", lambda one: -(one.figure[0] if one.figure[0] is not None else float("-inf"))),
    "verdict": ("Verdict", lambda one: (one.verdict == "", one.verdict)),
    "started": ("Started", lambda one: one.started),
}
"""Key of a sort → heading, and what is compared; the last is turned round, the newest first."""


def list_page(runs: Sequence[Found], *, base: str, root: str, query: str = "", sort: str = "started") -> str:
    """The page.

    Args:
        runs: all that there are.
        base: path that every link begins with, ending in a slash.
        root: of the runs, for the reader.
        query: words that a run's texts must have, each of them.
        sort: of `SORTS`.
    """
    sort = sort if sort in SORTS else "started"
    words = query.casefold().split()
    shown = [one for one in runs if all(word in _texts(one) for word in words)]
    shown.sort(key=lambda one: one.name)
    shown.sort(key=SORTS[sort][1], reverse=sort == "started")
    template = environment().get_template("browse.html.j2")
    html: str = template.render(
        title=f"Runs in {root}",
        simulated=False,
        base=base,
        root=root,
        query=query,
        sort=sort,
        all=len(runs),
        runs=[(one, _links(one, base)) for one in shown],
        headings={
            key: (heading, f"{base}?{urlencode({'q': query, 'sort': key})}") for key, (heading, _) in SORTS.items()
        },
    )
    return html


def message_page(title: str, text: str, *, base: str) -> str:
    """A page that says one thing."""
    template = environment().get_template("browse_message.html.j2")
    html: str = template.render(title=title, text=text, base=base, simulated=False)
    return html


def _texts(one: Found) -> str:
    told = "simulated" if one.simulated else ""
    return " ".join((one.name, one.cohort, one.endpoint, one.status, one.verdict, one.started, told)).casefold()


def _links(one: Found, base: str) -> dict[str, str]:
    return {label: f"{base}run/{quote(f'{one.name}/{path}')}" for label, path in one.pages.items()}
