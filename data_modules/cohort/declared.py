"""A cohort as declared: its tables, endpoint, site and group, and the folder of its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from data_modules.cohort.endpoint import Endpoint, outcome_columns
from data_modules.cohort.generated import SETTINGS, complete
from data_modules.cohort.several_endpoints import places_of, read_endpoints, timed
from data_modules.cohort.tables import ReadTable, read_table
from data_modules.cohort.therapy import TherapySpec, read_therapy
from data_modules.columns import Column, Time, plain, table_spec
from data_modules.errors import CohortError, Problem
from data_modules.hashes import file_hash, file_hashes
from fusion.contract import FusionError, Progress, some

STAMP = "SIMULATED.json"
"""The file whose presence in a root marks everything made of it as simulated."""


def refuse_writing(root: Path, **settings: object) -> None:
    """In place of a generator, where only files that are there already may be read.

    Raises:
        FusionError: always: it is called where they are not.
    """
    del settings
    raise FusionError(
        f"{root.absolute()}: the simulated cohort that the run read is not there, and explaining a run writes none. "
        "Point root=<folder> to it, or to where it is to be written anew."
    )


class CohortFiles:
    """The files of a cohort and what they mean.

    Args:
        name: of the cohort.
        root: folder of its files; null, only with a generator, is ``data/<name>`` and, for settings below that
            are not null, a folder of their own beside it.
        cache: folder of ingested results.
        tables: name → file (or reader), id, id_pattern, skip_rows, what cannot be found in the file (separator,
            decimal, encoding, sheet), how several rows of a patient become one (reduce, order, until), time of the
            columns that do not say theirs, and columns: name → time, kind, levels, unit, label, missing, reduce; see
            `data_modules.columns`.
        endpoints: name → table, column, and positive and negative or classes; ignore, note; or, with kind survival,
            table, time and event; see `read_endpoint`.
        endpoint: which of them is predicted; null takes the first. Of a list the first is primary and decides; the
            others are trained beside it.
        site: ``{table, column}`` of the hospital or batch, for site-aware folds and subgroups.
        group: ``{table, column}`` of what stays whole in folds, e.g. a family, or the patient where a case is a slide;
            who has none stands alone.
        build: genome build of its variants, e.g. ``GRCh38``.
        simulated: whether the patients are invented; forced by a file ``SIMULATED.json`` in the root.
        generator: called as ``generator(root, progress=…)``, with the settings below, to write a root that is missing.
        patients: how many patients the generator writes,
        seed: with which seed,
        interaction: and how strong an interaction between the modalities. All three only with a generator; null leaves
            them to it, and takes a root that exists as it is.
        max_unmatched: tolerated share of a table's or modality's patients who appear nowhere else.
        patients_pattern: regular expression that every patient id matches in full.
        ids_alike: ``distinct``: ids that differ in case, separators, leading zeros or ``.0`` are of different patients.
        absent_is: what a site absent from a patient's variants means: ``reference`` or ``unknown``.
        fetch: what to fetch from where when the root is missing, for the error message.
        require: modalities without which a patient is left out of training; prediction takes any subset.
        therapy: ``{table, columns, strata, control, min_patients, agents}``: which columns name the regimen, within
            what regimens were dealt out, and what they are made of; see `data_modules.cohort.therapy` and
            `data_modules.cohort.regimens`.
        cancer: which of several cohorts of one layout; for paths that name it (``${cohort.cancer}/clinical.csv``), and
            for modalities that only some have (``only: {cancer: […]}``).

    Raises:
        CohortError: a declaration that cannot be right.
    """

    def __init__(
        self,
        *,
        name: str,
        root: str | Path | None,
        cache: str | Path,
        tables: Mapping[str, Any],
        endpoints: Mapping[str, Any],
        endpoint: str | Sequence[str] | None = None,
        site: Mapping[str, str] | None = None,
        group: Mapping[str, str] | None = None,
        build: str | None = None,
        simulated: bool = False,
        generator: Callable[..., object] | None = None,
        patients: int | None = None,
        seed: int | None = None,
        interaction: float | None = None,
        max_unmatched: float = 0.1,
        patients_pattern: str | None = None,
        absent_is: Literal["reference", "unknown"] | None = None,
        fetch: str | None = None,
        require: Sequence[str] = (),
        cancer: str | None = None,
        ids_alike: Literal["refuse", "distinct"] = "refuse",
        therapy: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.cache = Path(cache).expanduser()
        self.build = build
        self.absent_is = absent_is
        self.max_unmatched = max_unmatched
        self.patients_pattern = patients_pattern
        self.ids_alike = ids_alike
        self.specs = {key: table_spec(name, key, plain(config)) for key, config in plain(tables).items()}
        self.site: dict[str, str] | None = plain(site)
        self.group: dict[str, str] | None = plain(group)
        shapeless = [
            Problem(what=f"cohort.{key} is {value!r}", remedy=f"Set it to {{table: …, column: …}} (cohort.{key})")
            for key, value in (("site", self.site), ("group", self.group))
            if value is not None and (not isinstance(value, dict) or set(value) != {"table", "column"})
        ]
        if shapeless:
            raise CohortError(name, shapeless)
        self._simulated = simulated
        self._generator = generator
        given = zip(SETTINGS, (patients, seed, interaction), strict=True)
        self._settings = {key: value for key, value in given if value is not None}
        self._fetch = fetch
        self.require = tuple(require)
        self.cancer = cancer
        if root is None and generator is None:
            raise CohortError(name, [Problem(what="cohort.root is null", remedy="Set it to the folder of the files")])
        own = "".join(f"_{key}_{value}" for key, value in self._settings.items())
        self.root = Path("data", name + own) if root is None else Path(root).expanduser()
        self.endpoint, *others = read_endpoints(name, plain(endpoint), plain(endpoints))
        self.secondary = tuple(others)
        self.outcomes: dict[str, Any] = plain(endpoints)
        self.regimens: TherapySpec | None = read_therapy(name, plain(therapy), self.specs)
        self._check_declarations()

    def _check_declarations(self) -> None:
        """Endpoint, site and group name declared columns."""
        problems = []
        places = [place for endpoint in (self.endpoint, *self.secondary) for place in places_of(endpoint)]
        for name, place in (("site", self.site), ("group", self.group)):
            if place is not None:
                node = f"cohort.{name}"
                places.append((node, place.get("table", ""), place.get("column", ""), f"{node}.column"))
        for node, table, column, key in places:
            if table not in self.specs:
                problems.append(
                    Problem(what=f"{node}.table is {table!r}", remedy=f"Set it to one of {some(list(self.specs))}")
                )
            elif column not in self.specs[table].columns:
                remedy = f"Add it to cohort.tables.{table}.columns, or mend {key}"
                problems.append(Problem(what=f"{key} {column!r} is not declared in table {table!r}", remedy=remedy))
        if not problems:
            self.endpoint, *others = (timed(one, self.specs, problems) for one in (self.endpoint, *self.secondary))
            self.secondary = tuple(others)
        for key, allowed in (("absent_is", (None, "reference", "unknown")), ("ids_alike", ("refuse", "distinct"))):
            if (value := getattr(self, key)) not in allowed:
                remedy = f"Set it to {' or '.join(filter(None, allowed))}"
                problems.append(Problem(what=f"cohort.{key} is {value!r}", remedy=remedy))
        if not 0 <= self.max_unmatched <= 1:
            problems.append(Problem(what=f"cohort.max_unmatched is {self.max_unmatched}", remedy="A share is 0 to 1"))
        if problems:
            raise CohortError(self.name, problems)

    def seen_as(self, endpoint: Endpoint) -> CohortFiles:
        """The same files with one of the endpoints in the primary's place."""
        view = copy(self)
        every = (self.endpoint, *self.secondary)
        view.endpoint, view.secondary = endpoint, tuple(one for one in every if one is not endpoint)
        return view

    @property
    def simulated(self) -> bool:
        """Whether results must be stamped SIMULATED."""
        return self._simulated or (self.root / STAMP).is_file()

    def prepare(self, progress: Progress) -> None:
        """Make sure the root exists: write it where a generator is configured.

        Raises:
            CohortError: no such root, or with a generator one that holds files of another origin or was written with
                other settings.
        """
        if self._generator is None:
            if not self.root.is_dir():
                fetch = f" {self._fetch.strip()}" if self._fetch else ""
                remedy = f"Set cohort.root to the folder of the cohort's files.{fetch}"
                problem = Problem(what=f"there is no folder {self.root.absolute()}", remedy=remedy)
                raise CohortError(self.name, [problem])
            return
        stamp = self.root / STAMP
        if not stamp.is_file():
            if self.root.is_dir() and any(self.root.iterdir()):
                what = f"cohort.generator would write to {self.root.absolute()}, which holds files and no {STAMP}"
                remedy = (
                    "They are left alone. If they are your own, take generator, simulated, patients, seed and "
                    "interaction out of the cohort's YAML; to simulate, set cohort.root to null or to a new folder"
                )
                raise CohortError(self.name, [Problem(what=what, remedy=remedy)])
            self._generator(self.root, progress=progress, **self._settings)
            return
        files = [self.root / spec.file for spec in self.specs.values() if spec.file]
        complete(self.name, stamp, files, self._settings, self._generator, progress)

    @cached_property
    def _read(self) -> dict[tuple[str, bool], ReadTable]:
        return {}

    def read(self, name: str, *, require_labels: bool = True) -> ReadTable:
        """A table with what is wrong with it; without `require_labels` only baseline columns must exist."""
        times: tuple[Time, ...] = ("baseline", "post_baseline", "outcome") if require_labels else ("baseline",)
        if (name, require_labels) not in self._read:
            of_it = [one for one in (self.endpoint, *self.secondary) if one.table == name]
            known = {one.column: one.known for one in reversed(of_it)}
            predicted = [column for one in of_it if require_labels for column in one.columns]
            self._read[name, require_labels] = read_table(
                self.specs[name], self.root, times=times, known=known, predicted=predicted
            )
        return self._read[name, require_labels]

    def table(self, name: str) -> pd.DataFrame:
        """A table's declared columns, index patient_id: float64 for numbers, else text or None.

        Columns after baseline that a file lacks are empty here; `reconcile` says when they are needed.

        Raises:
            CohortError: the table is not declared, or something is wrong with it.
        """
        if name not in self.specs:
            remedy = f"Declare it in cohort.tables; declared: {some(list(self.specs))}"
            raise CohortError(self.name, [Problem(what=f"there is no table {name!r}", remedy=remedy)])
        table = self.read(name, require_labels=False)
        if table.problems:
            raise CohortError(self.name, table.problems)
        return table.frame

    def inputs(self, table: str, columns: Sequence[str] | None, *, key: str) -> tuple[list[Column], list[Problem]]:
        """The columns of a table that may be inputs, and what speaks against those asked for.

        Args:
            table: key in ``cohort.tables``.
            columns: asked for; None takes all that are known at baseline, the endpoint and the site excepted.
            key: config key of the modality that asks, e.g. ``modality.clinical``.
        """
        if table not in self.specs:
            remedy = f"Set it to one of {some(list(self.specs))}"
            return [], [Problem(what=f"{key}.table is {table!r}, which cohort.tables does not declare", remedy=remedy)]
        declared = self.specs[table].columns
        outcomes = outcome_columns(self.outcomes, table)
        is_site = self.site["column"] if self.site is not None and self.site["table"] == table else None
        if columns is None:
            taken = [column for column in declared.values() if column.time == "baseline"]
            return [column for column in taken if column.name not in outcomes and column.name != is_site], []
        problems = []
        for name in columns:
            against = None
            if name not in declared:
                against = f"is not declared; declare it with its time point in cohort.tables.{table}.columns, or"
            elif name in outcomes:
                against = f"is the endpoint {outcomes[name]!r};"
            elif declared[name].time != "baseline":
                against = f"is known only after baseline (time: {declared[name].time});"
                if self.endpoint.time is not None:
                    against = f"{against[:-1]}, and who lives to have it seems to live longer by it (immortal time);"
            if against:
                problems.append(
                    Problem(
                        what=f"{key}.columns: {name!r} of table {table!r} cannot be an input",
                        remedy=f"It {against} take it out of {key}.columns",
                    )
                )
        return [declared[name] for name in columns if name in declared], problems

    def input_hashes(
        self, files: Sequence[Path], *, again: bool, told: Callable[[int, int], None] = lambda done, total: None
    ) -> dict[str, str]:
        """Of the tables and of other files that modalities read: path below the root (else whole) → SHA-256.

        Args:
            files: of modalities; folders stand for all below them.
            again: read every file; else those that the file system says changed since they were last read.
            told: after every file, with how many are done and how many there are.
        """
        tables = [self.root / spec.file for spec in self.specs.values() if spec.file]
        root = self.root.resolve()
        named = {}
        for path in dict.fromkeys(Path(one).resolve() for one in (*tables, self.root / STAMP, *files)):
            if path.exists():
                named[path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)] = path
        return file_hashes(named, memo=self.cache, again=again, told=told)

    def hashes(self) -> dict[str, str]:
        """File → SHA-256, of the tables and the simulation's stamp."""
        files = [*(spec.file for spec in self.specs.values() if spec.file), STAMP]
        return {one: file_hash(self.root / one, memo=self.cache) for one in files if (self.root / one).is_file()}
