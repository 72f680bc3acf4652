"""What a user may set about what is learned of features: which are selected, and how wide tables are reduced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fusion.contract import Count, NotNegative, Positive, Range, Settings, Share, Whole


@dataclass(frozen=True, kw_only=True)
class SelectorSettings(Settings):
    """Of `selector` in conf/modality/variants.yaml and copy_number.yaml.

    Attributes:
        min_prevalence: keep features that are non-zero in at least this share of training patients,
        min_carriers: and in at least this many.
        min_variance: keep features of variance above this, on the raw scale.
        univariate: keep this many features (by gene: genes, by their best feature) by ANOVA F; None keeps all.
        method: ``rfe``, recursive feature elimination; ``rfecv``, which chooses the number of features by inner
            cross-validated AUROC; ``l1``, the first to enter a logistic regression as its L1 penalty falls;
            ``mutual_information``; ``none``. See `data_modules.learned.selection_methods`.
        estimator: of ``rfe`` and ``rfecv``: ``logistic`` (L2), ``svm`` (linear) or ``forest``; each weighs classes
            inversely to their frequency.
        features: how many features (by gene: genes) to keep; with ``rfecv`` the fewest.
        by_gene: keep or drop a gene's features together.
        step: share of the features dropped per round (at least one).
        strength: inverse L2 penalty (scikit-learn's C) of the linear estimators.
        folds: of ``rfecv``.
        seed: of the forest, of the folds of ``rfecv`` and of what else draws numbers.
    """

    min_prevalence: Share = 0.0
    min_carriers: Whole = 1
    min_variance: NotNegative = 0.0
    univariate: Count | None = None
    method: Literal["rfe", "rfecv", "l1", "mutual_information", "none"] = "rfe"
    estimator: Literal["logistic", "svm", "forest"] = "logistic"
    features: Count = 64
    by_gene: bool = False
    step: Annotated[float, Range(above=0, below=1)] = 0.1
    strength: Positive = 0.1
    folds: Annotated[int, Range(low=2)] = 3
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class PathwaySettings(Settings):
    """Of ``pathways``: gene sets whose scores are made of a wide table; see `data_modules.learned.pathways`.

    Attributes:
        file: of the sets, GMT, relative to the cohort's root.
        source: where it comes from, and
        licence: what one may do with it; none is shipped.
        score: ``mean`` of a set's genes in training standard deviations, or ``ssgsea``, ranks within a patient.
        least: a set of which the table has fewer genes is left out.
    """

    file: str
    source: str
    licence: str
    score: Literal["mean", "ssgsea"] = "mean"
    least: Annotated[int, Range(low=2)] = 5


@dataclass(frozen=True, kw_only=True)
class ReductionSettings(Settings):
    """What training patients teach of a wide table.

    Attributes:
        clip: training standard deviations beyond which values are cut; None cuts none.
        screen: keep this many columns by ANOVA F in the training patients; None keeps all.
        components: then project on this many principal components; None keeps columns.
        pathways: gene sets whose scores stand beside the components; without components, in the place of all columns.
    """

    clip: Positive | None = 3.0
    screen: Count | None = None
    components: Count | None = None
    pathways: PathwaySettings | None = None
