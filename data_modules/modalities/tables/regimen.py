"""The regimen as a modality: not its name, but the agents, classes, doses and sequence it is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from data_modules.cohort.regimens.fields import encode
from data_modules.cohort.therapy import TherapySpec, regimens_of
from data_modules.columns import Column
from data_modules.errors import CohortError
from data_modules.learned.preprocess import TablePreprocessor
from data_modules.modalities.base import BaseModality
from data_modules.modalities.tables.settings import RegimenSettings
from data_modules.modalities.tables.table import FittedTable, Table
from fusion.contract import Match, Quality, State, read_settings, some

if TYPE_CHECKING:
    from data_modules.cohort.source import CohortSource

_UNDECLARED = (
    "{key}: the cohort does not say what its regimens are made of. Declare cohort.therapy with agents (a file of "
    "regimen, agent, class, atc, rxnorm, dose, unit, order), or read the regimen's name by modality/table."
)


class Regimen(Table):
    """Fields of the regimen that ``cohort.therapy`` names for each patient.

    A patient has the modality whose regimen is known and in ``cohort.therapy.agents``. Regimens that are not there are
    told, and refused where they are of more patients than ``cohort.max_unmatched`` allows.

    Args:
        name: of the modality.
        source: the cohort.
        given: fields of `RegimenSettings`.

    Raises:
        SettingsError: settings that cannot be.
    """

    settings_class: ClassVar[Any] = RegimenSettings

    def __init__(self, *, name: str, source: CohortSource, **given: Any) -> None:
        BaseModality.__init__(self, name=name, source=source)
        self.fields = read_settings(RegimenSettings, given, at=self.key).fields
        spec = source.regimens
        self._spec = spec if spec is not None and spec.agents is not None else None
        self.of_table = self._table = "" if spec is None else spec.table

    @property
    def therapy(self) -> TherapySpec:
        """The declaration that it reads.

        Raises:
            CohortError: the cohort makes none.
        """
        if self._spec is None:
            raise CohortError(self.source.name, [_UNDECLARED.format(key=self.key)])
        return self._spec

    @property
    def input_files(self) -> Sequence[Path]:
        given = None if self._spec is None else self._spec.agents
        return (self.source.root / given,) if isinstance(given, str) else ()

    @cached_property
    def columns(self) -> list[Column]:
        """What the fields become; see `data_modules.cohort.regimens.fields`."""
        return encode(self.source.agents.agents, self.fields)[1]

    @property
    def of_columns(self) -> tuple[str, ...]:
        return self.therapy.columns

    @cached_property
    def given_to(self) -> pd.Series[Any]:
        """Name of the regimen of everybody in the treatment's table, index patient_id; None where not known."""
        return regimens_of(self.source.read(self.therapy.table, require_labels=False).frame, self.therapy)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Fields of the patients whose regimen is known, index patient_id."""
        coded, _ = encode(self.source.agents.agents, self.fields)
        known = self.given_to[self.given_to.isin(list(coded.index))]
        return coded.loc[list(known)].set_axis(known.index, axis=0)

    @cached_property
    def unlisted(self) -> Counter[str]:
        """Regimens that patients were given and ``cohort.therapy.agents`` does not have → how many patients."""
        named = self.given_to.dropna()
        return Counter(str(one) for one in named if one not in self.source.agents.agents)

    def check(self) -> list[str]:
        if self._spec is None:
            return [_UNDECLARED.format(key=self.key)]
        try:
            known = self.source.agents.agents
        except CohortError as error:
            return [str(one) for one in error.problems]
        if not self.columns:
            return [f"{self.key}: cohort.therapy.agents gives nothing of {', '.join(self.fields)}. Mend it."]
        if sum(self.unlisted.values()) > self.source.max_unmatched * max(int(self.given_to.notna().sum()), 1):
            return [
                f"{self.key}: {self._strangers()} Add them to cohort.therapy.agents, spell them as there "
                f"({some(list(known))}), or raise cohort.max_unmatched."
            ]
        return []

    def _strangers(self) -> str:
        """A sentence on regimens that are not listed; empty where there are none."""
        if not self.unlisted:
            return ""
        told = []
        for name, number in sorted(self.unlisted.items()):
            close = get_close_matches(name, list(self.source.agents.agents), n=1)
            told.append(f"{name} ({number}{f'; did you mean {close[0]}?' if close else ''})")
        return (
            f"{sum(self.unlisted.values())} of {int(self.given_to.notna().sum())} patients were given regimens that "
            f"cohort.therapy.agents does not have: {some(told)}."
        )

    def quality(self) -> Sequence[Quality]:
        """Patients by whether what they were given is known, and what the cohort does not say of its regimens."""
        agents = self.source.agents
        unused = sorted(set(agents.agents) - set(self.given_to.dropna()))
        said = [self._strangers()] if self.unlisted else []
        said += [f"{self.key}: {note}" for note in agents.notes]
        if unused:
            said.append(f"{self.key}: nobody was given {some(unused)}.")
        counts = {
            "patients": {
                "agents known": len(self.frame),
                "regimen not listed": sum(self.unlisted.values()),
                "regimen not known": int(self.given_to.isna().sum()),
            },
            "regimens": {"listed": len(agents.agents), "columns": len(self.columns)},
        }
        notes = {f"note {number}": note.rstrip(".") for number, note in enumerate(said, start=1)}
        return [
            Quality(
                title=f"{self.name} by agents", counts=counts, folder=self.source.root, notes=notes, said=tuple(said)
            )
        ]

    def lacks(self, state: State) -> None:
        """Nothing: who was given none of an agent has none of it."""

    def restore(self, state: State) -> FittedTable:
        """As trained; an agent that this cohort's regimens do not have is one that nobody was given."""
        learned = TablePreprocessor.restore(state)
        names = list(dict.fromkeys(part.column for part in learned.coded))
        lacking = dict.fromkeys([name for name in names if name not in self.frame.columns], 0.0)
        return FittedTable(name=self.name, frame=self.frame.assign(**lacking)[names], learned=learned)

    def match(self, state: State) -> Match:
        """Columns by name; agents that the model never saw count for nothing, and are told."""
        trained = tuple(dict.fromkeys(part.column for part in TablePreprocessor.restore(state).coded))
        here = [column.name for column in self.columns]
        extra = tuple(name for name in here if name not in trained)
        strange = [name.removeprefix("agent:") for name in extra if name.startswith("agent:")]
        notes = [f"no training regimen held {some(strange)}: the model reads nothing of it."] if strange else []
        missing = tuple(name for name in trained if name not in here)
        return Match(trained=trained, missing=missing, extra=extra, chances=(), notes=tuple(notes))
