"""Variants from MAF files: the modality of VCFs over another reader."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from data_modules.ingest.variants.ingest import VariantIngest
from data_modules.ingest.variants.maf_ingest import MafIngest
from data_modules.modalities.variants.vcf import Variants


class MafVariants(Variants):
    """Variants from MAF files of the GDC, TCGA/Firehose or cBioPortal; arguments as in conf/modality/variants.yaml.

    `annotation` is not needed: a MAF names genes and consequences in columns. A patient whom the files do not name at
    all may be free of mutations or not sequenced; they count as without variants.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        assert isinstance(self.ingest, VariantIngest)
        self.ingest = MafIngest(**{field.name: getattr(self.ingest, field.name) for field in fields(VariantIngest)})
