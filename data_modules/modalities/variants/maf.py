"""Variants from MAF files: the modality of VCFs over another reader."""

from __future__ import annotations

from data_modules.ingest.variants.maf_ingest import MafIngest
from data_modules.modalities.variants.vcf import Variants


class MafVariants(Variants):
    """Variants from MAF files of the GDC, TCGA/Firehose or cBioPortal; settings as in conf/modality/variants.yaml.

    `annotation` is not needed: a MAF names genes and consequences in columns. A patient whom the files do not name at
    all may be free of mutations or not sequenced; they count as without variants.
    """

    reader = MafIngest
