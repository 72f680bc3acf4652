"""The door between the two wings: what `data_modules` hands over and what `fusion` takes.

`data_modules` imports nothing else of `fusion`, and `fusion` imports nothing of `data_modules`; Hydra's
`_target_` joins them. Shapes are named once, here: *batch* patients, *token* positions, then the shape of one token.

=============  ==========================  ==========================================
modality kind  values                      one token is
=============  ==========================  ==========================================
table          (batch, column) float32     a column, scaled by training patients
variants       (batch, feature) float32    a selected feature: a burden, dosage or count
tiles          (batch, tile, 3, H, W)      an RGB tile, uint8, of the patient's slides
embeddings     (batch, tile, feature)      a tile's embedding, float32 or as stored float16
volume         (batch, patch, X, Y, Z)     a patch of one sequence, float32; sequence by sequence
=============  ==========================  ==========================================
"""

from fusion.contract.batch import Batch, Item, ModalityBatch, Target, Tokens
from fusion.contract.cohort import Cohort
from fusion.contract.described import Described
from fusion.contract.doctor import Part
from fusion.contract.errors import FusionError, some
from fusion.contract.folds import Fold, InnerFold
from fusion.contract.modality import FittedModality, Match, Modality, Progress, Quality, State
from fusion.contract.reading import read_settings
from fusion.contract.secondary import ALONE, ROLE, Secondary
from fusion.contract.settings import (
    Count,
    NotNegative,
    Pattern,
    Positive,
    Range,
    Settings,
    SettingsError,
    Share,
    Whole,
)  # fmt: skip
from fusion.contract.specs import (
    TABULATED,
    Bend,
    CohortSpec,
    EndpointKind,
    EndpointSpec,
    FeatureKind,
    FeatureSpec,
    ModalityKind,
    ModalitySpec,
)
from fusion.contract.therapy import Agent, Therapy
from fusion.contract.truth import Truth

__all__ = [
    "ALONE",
    "ROLE",
    "TABULATED",
    "Agent",
    "Batch",
    "Bend",
    "Cohort",
    "CohortSpec",
    "Count",
    "Described",
    "EndpointKind",
    "EndpointSpec",
    "FeatureKind",
    "FeatureSpec",
    "FittedModality",
    "Fold",
    "FusionError",
    "InnerFold",
    "Item",
    "Match",
    "Modality",
    "ModalityBatch",
    "ModalityKind",
    "ModalitySpec",
    "NotNegative",
    "Part",
    "Pattern",
    "Positive",
    "Progress",
    "Quality",
    "Range",
    "Secondary",
    "Settings",
    "SettingsError",
    "Share",
    "State",
    "Target",
    "Therapy",
    "Tokens",
    "Truth",
    "Whole",
    "read_settings",
    "some",
]
