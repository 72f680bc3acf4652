"""One patient, explained by the members of the fold that left them out: rows of the table, facts, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.attribution.faithfulness import delete_genes, delete_tiles, patient_seed
from fusion.attribution.gradients import Attributed, attribute
from fusion.attribution.looked import looked
from fusion.attribution.members import NUMBERS, ExplainedMember, Inputs
from fusion.attribution.plain import ExplainedPlain
from fusion.attribution.rows import PlainTerms, number_rows, plain_terms, pooled_rows, token_rows
from fusion.attribution.shapley import average, play, shapley
from fusion.attribution.tile_pictures import slide_pictures
from fusion.attribution.volumes import volume_pictures

WHOLE = "(modality)"
"""`feature` of rows that are a whole modality's Shapley value."""

LACKING = "(missing)"
"""`feature` of rows that are a modality's lack, where patients who lacked it taught the plain model something."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides an explanation.

    Attributes:
        arm: ``fusion`` or ``only_<modality>``.
        method: see `fusion.attribution.gradients.METHODS`.
        steps: of integration.
        tiles: how many tiles of a patient are explained to their pixels, and patches of a volume to their voxels.
        horizon: of survival, whose probability is explained; None: the endpoint's own scale.
        endpoint: a secondary one that is explained; None: the primary one.
        of_class: of three or more without an order: which is explained against the rest.
    """

    arm: str
    method: str
    steps: int
    tiles: int
    horizon: float | None = None
    endpoint: str | None = None
    of_class: str | None = None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What is kept of a patient.

    Attributes:
        rows: of attributions.parquet, without the columns patient, arm and endpoint.
        facts: score, what is explained, Shapley values, deletion, tiles; JSON.
        pictures: ``overview_<modality>_<slide>`` uint8 RGB, ``tile_<modality>_<n>`` uint8 RGB,
            ``pixels_<modality>_<n>`` float32 contributions; of volumes see `fusion.attribution.volumes`.
    """

    rows: pd.DataFrame
    facts: dict[str, Any]
    pictures: dict[str, NDArray[Any]]


def explain_patient(
    members: Sequence[ExplainedMember], patient: str, settings: Settings, *, plain: ExplainedPlain | None = None
) -> Explanation:
    """Attribute the mean calibrated output of `members` for `patient`, who is in the training set of none of them.

    Args:
        members: of the fold.
        patient: whom.
        settings: of the explanation.
        plain: the model that the members add to; None where they start from nothing.
    """
    inputs = [member.load(patient) for member in members]
    found = [
        attribute(member, one, method=settings.method, steps=settings.steps)
        for member, one in zip(members, inputs, strict=True)
    ]
    terms = None if plain is None else plain_terms(plain, members[0], patient)
    scale = members[0].scale
    outputs = np.array([part.output for part in found]) + (0.0 if terms is None else terms.output)
    reference = float(np.mean([part.reference for part in found])) + (0.0 if terms is None else terms.reference)
    factor = scale.factor(float(outputs.mean()), reference, members[0].member.calibrator)
    case = _Case(
        patient=patient, members=members, inputs=inputs, settings=settings, plain=plain,
        found=[part.times(factor) for part in found],
        terms=None if terms is None else replace(terms, terms=terms.terms.assign(term=factor * terms.terms["term"])),
    )  # fmt: skip
    game = case.game()
    values = shapley(game, inputs[0].present)
    predicted = case.predicted(outputs)
    facts: dict[str, Any] = {
        "score": scale.score(outputs, predicted),
        "predicted": predicted,
        "members": outputs.tolist(),
        "log_odds": float(case.value(outputs.mean())),
        "reference": float(case.value(np.array(reference))),
        "delta": case.delta,
        "none": game[frozenset()],
        "shapley": values,
        "missing": [name for name in inputs[0].masks if name not in inputs[0].present],
        "deletion": {},
        "looked": looked(members, inputs),
    }
    rows = [_modality_rows(game, values, len(members))]
    pictures: dict[str, NDArray[Any]] = {}
    for name in inputs[0].present:
        if members[0].specs[name].kind in NUMBERS:
            rows.append(case.numbers(name, facts))
        else:
            rows += case.tokens(name, facts, pictures)
    _by_factor(pictures, facts, factor)
    if case.terms is not None:
        rows.append(_lack_rows(case.terms, inputs[0], settings, len(members)))
    return Explanation(
        rows=pd.concat([part for part in rows if len(part)], ignore_index=True), facts=facts, pictures=pictures
    )


@dataclass(frozen=True, kw_only=True)
class _Case:
    """A patient and what each member's output is attributed to.

    Attributes:
        patient: whom.
        members: of the fold.
        inputs: of each member.
        settings: of the explanation.
        plain: the model that the members add to, or None.
        found: of each member, on the scale of what is explained.
        terms: of the plain model, on the same.
    """

    patient: str
    members: Sequence[ExplainedMember]
    inputs: Sequence[Inputs]
    settings: Settings
    plain: ExplainedPlain | None
    found: Sequence[Attributed]
    terms: PlainTerms | None

    def value(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs → what is explained."""
        return self.members[0].scale.value(outputs, self.members[0].member.calibrator)

    @property
    def delta(self) -> float:
        """What attributions miss: without signs, for what one member misses does not make up for another's."""
        return float(np.mean([abs(part.delta) for part in self.found]))

    def game(self) -> dict[frozenset[str], float]:
        """Modalities that are there → what is explained, by the mean of the members."""
        both = zip(self.members, self.inputs, strict=True)
        game = average([play(member, one, self.plain) for member, one in both])
        return dict(zip(game, self.value(np.array(list(game.values()))).tolist(), strict=True))

    def predicted(self, outputs: NDArray[np.float64]) -> Any:
        """See `Scale.predicted`; members are averaged before or after calibration, as in the run."""
        first = self.members[0]
        both = zip(self.members, self.inputs, strict=True)
        logits = [part for member, one in both if (part := member.logits(one)) is not None]
        if first.member.averages_logits:
            outputs = outputs.mean(keepdims=True)
            logits = [np.mean(logits, axis=0)] if logits else []
        return first.scale.predicted(outputs, first.member.calibrator, np.stack(logits) if logits else None)

    def numbers(self, name: str, facts: dict[str, Any]) -> pd.DataFrame:
        """Rows of a modality of numbers; genes are deleted."""
        table = number_rows(self.members, self.inputs, self.found, name, self.terms)
        sums = table.dropna(subset=["gene"]).groupby("gene")["attribution"].sum()
        genes = {str(gene): float(of_gene) for gene, of_gene in sums.items()}
        curve = delete_genes(
            self.members, self.inputs, name, genes, seed=patient_seed(self.patient), plain=self.plain, value=self.value
        )
        if curve is not None:
            facts["deletion"][f"{name}: genes"] = curve.area
        return table.assign(method=self.settings.method, delta=self.delta)

    def tokens(self, name: str, facts: dict[str, Any], pictures: dict[str, NDArray[Any]]) -> list[pd.DataFrame]:
        """Rows of a modality of tiles or patches; these are deleted, and some pictured."""
        settings, patches = self.settings, self.members[0].specs[name].kind == "volume"
        table = token_rows(self.members, self.inputs, self.found, name)
        curve = delete_tiles(
            self.members, self.inputs, name, table["attribution"].to_numpy(), seed=patient_seed(self.patient),
            value=self.value,
        )  # fmt: skip
        if curve is not None:
            facts["deletion"][f"{name}: {'patches' if patches else 'tiles'}"] = curve.area
        if patches:
            facts.setdefault("volumes", {})[name] = volume_pictures(
                self.members, self.inputs, name, table, pictures, patches=settings.tiles, steps=settings.steps
            )
        else:
            facts.setdefault("slides", {})[name] = slide_pictures(
                self.members, self.inputs, name, table, pictures, tiles=settings.tiles, steps=settings.steps
            )
        there = table[self.inputs[0].masks[name][0].numpy()].assign(method=settings.method, delta=self.delta)
        if self.terms is None:
            return [there]
        return [there, pooled_rows(self.terms, name).assign(method=settings.method, delta=0.0)]


def _by_factor(pictures: dict[str, NDArray[Any]], facts: dict[str, Any], factor: float) -> None:
    """Pixels and voxels are explained by outputs, like tiles before; here they follow to what is explained."""
    for key in [one for one in pictures if one.startswith(("pixels_", "voxels_"))]:
        pictures[key] = (factor * pictures[key]).astype(pictures[key].dtype)
    for kind, missed in (("slides", "pixel_delta"), ("volumes", "voxel_delta")):
        for content in facts.get(kind, {}).values():
            if content[missed] is not None:
                content[missed] *= abs(factor)


def _modality_rows(game: Any, values: dict[str, float], members: int) -> pd.DataFrame:
    missed = sum(values.values()) - (game[frozenset(values)] - game[frozenset()])
    return pd.DataFrame(
        [
            {
                "modality": name,
                "feature": WHOLE,
                "label": name,
                "attribution": value,
                "members": members,
                "method": "shapley",
                "delta": missed,
            }
            for name, value in values.items()
        ]
    )


def _lack_rows(terms: PlainTerms, inputs: Inputs, settings: Settings, members: int) -> pd.DataFrame:
    """What it is worth to the plain model that the patient lacks a modality."""
    lacks = terms.terms.groupby("modality", sort=False)["term"].sum().drop(list(inputs.present), errors="ignore")
    return pd.DataFrame(
        [
            {
                "modality": name,
                "feature": LACKING,
                "label": f"{name} is missing",
                "attribution": value,
                "members": members,
                "method": settings.method,
                "delta": 0.0,
            }
            for name, value in lacks.items()
            if value
        ]
    )
