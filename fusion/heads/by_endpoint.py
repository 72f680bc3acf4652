"""The head that an endpoint's kind asks for, where a configuration names none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusion.heads.classes import Classes
from fusion.heads.cox import CoxRisk
from fusion.heads.ordinal import CumulativeLink
from fusion.heads.response import BinaryResponse

if TYPE_CHECKING:
    from fusion.contract import EndpointSpec
    from fusion.heads.base import Head

HEADS: dict[str, type[Head]] = {
    "binary": BinaryResponse,
    "multiclass": Classes,
    "ordinal": CumulativeLink,
    "survival": CoxRisk,
}
"""Kind of endpoint → its head."""


def by_endpoint(endpoint: EndpointSpec, *, width: int, **options: Any) -> Head:
    """The head for `endpoint`.

    Args:
        endpoint: what is predicted.
        width: of the fused vector.
        options: of the head, e.g. ``class_weight``.
    """
    return HEADS[endpoint.kind](endpoint, width=width, **options)
