"""Who the cohort's tables name: what modalities compare the names in their files with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusion.contract import FusionError

if TYPE_CHECKING:
    from data_modules.cohort.source import CohortSource


def known_ids(source: CohortSource) -> set[str]:
    """Ids in the cohort's tables; empty where a table cannot be read, which the cohort itself will say."""
    known: set[str] = set()
    for table in getattr(source, "specs", ()):
        try:
            known |= set(source.table(table).index)
        except FusionError:
            return set()
    return known
