"""Card and checklist beside the report."""

from __future__ import annotations

from fusion.report.card.facts import facts_of
from fusion.report.card.model_card import model_card
from fusion.report.card.tripod import tripod
from fusion.run.files import replace_file
from fusion.run.folder import RunFolder

CARD, CHECKLIST = "model_card.md", "tripod_ai.md"


def write_cards(run: RunFolder) -> None:
    """Write model_card.md and tripod_ai.md from the run folder alone.

    Raises:
        FusionError: a file of the run folder is missing or cannot be read.
    """
    facts = facts_of(run)
    card, checklist = model_card(facts), tripod(facts)
    replace_file(run.path / CARD, lambda partial: partial.write_text(card, encoding="utf-8"))
    replace_file(run.path / CHECKLIST, lambda partial: partial.write_text(checklist, encoding="utf-8"))
