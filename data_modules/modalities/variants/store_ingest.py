"""What a modality of variants asks of an ingest, whatever format it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from data_modules.ingest.variants.settings import Origin
from data_modules.ingest.variants.store import VariantStore
from fusion.contract import Progress


class StoreIngest(Protocol):
    """What brings variants into stores; `VariantIngest` for VCFs, `MafIngest` for MAFs."""

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Those that files have."""
        ...

    @property
    def input_files(self) -> Sequence[Path]:
        """All that it reads."""
        ...

    def samples(self, origin: Origin) -> tuple[str, ...]:
        """Names of the samples that files of an origin hold."""
        ...

    def said(self, origin: Origin) -> Sequence[str]:
        """What was seen in the files and is no error."""
        ...

    def check(self) -> list[str]:
        """Problems seen from headers alone."""
        ...

    def run(self, progress: Progress) -> Any:
        """Read the files into stores, where the cache lacks them."""
        ...

    @property
    def folders(self) -> Mapping[Origin, Path]:
        """Where the stores lie, or will lie."""
        ...

    def stores(self) -> Mapping[Origin, VariantStore]:
        """The stores, opened."""
        ...
