"""What is right of the odd tables, MAFs, VCFs and segments."""

from __future__ import annotations

from pathlib import Path

from case_right import Check, Right


def predicted(patients: int, **labels: int) -> Check:
    """Checks how many patients were trained on, and the labels of some (``_`` for ``-``)."""

    def check(folder: Path) -> str | None:
        import pandas as pd

        table = pd.read_parquet(folder / "out/predictions.parquet").set_index("patient_id")
        found = table["label"][~table.index.duplicated()]
        if len(found) != patients:
            return f"{len(found)} patients were trained on, not {patients}"
        for name, label in labels.items():
            if found[name.replace("_", "-")] != label:
                return f"label of {name} is {found[name.replace('_', '-')]}"
        return None

    return check


def columns(present: tuple[str, ...] = (), absent: tuple[str, ...] = ()) -> Check:
    """Checks which columns of the table were learned from, in any fold."""

    def check(folder: Path) -> str | None:
        text = "".join(path.read_text(encoding="utf-8") for path in sorted((folder / "out/models").rglob("*.json")))
        lacking = [name for name in present if name not in text]
        strange = [name for name in absent if name in text]
        return f"learned from {strange}, not from {lacking}" if lacking or strange else None

    return check


def store(origin: str = "somatic", *, variants: int, mutations: float, carriers: dict[str, int] | None = None) -> Check:
    """Checks the ingested store: variants, mean mutations a sample, samples that carry a gene's variants."""

    def check(folder: Path) -> str | None:
        import numpy as np

        from data_modules.ingest.variants.store import VariantStore

        (place,) = (folder / ".cache/variants").glob(f"*/{origin}")
        found = VariantStore.open(place)
        carried = np.asarray(found.dosage) > 0
        told = f"{len(found.variants)} variants, {carried.sum(axis=0).mean():.2f} a sample"
        if len(found.variants) != variants or abs(carried.sum(axis=0).mean() - mutations) > 0.005:
            return told
        for gene, number in (carriers or {}).items():
            hit = (found.variants["gene"] == gene).to_numpy()
            if carried[hit].any(axis=0).sum() != number:
                return f"{carried[hit].any(axis=0).sum()} samples carry {gene}"
        return None

    return check


TABLES: dict[str, tuple[Right, ...]] = {
    "cohort_without_cache_key": (Right(read=(), refused=(r"cohort\.cache",)),),
    "command_line_special_characters": (Right(refused=(r'patient_pattern="\^\(ONC-\[0-9\]\+\)"',)),),
    "config_dir_other_file_broken": (Right(read=(), refused=(r"broken\.yaml",)),),
    "features_empty_file": (Right(refused=(r"rna\.tsv is empty",)),),
    "features_genes_in_rows": (Right(refused=(r"48 of .*column.*patients", "transpose")),),
    "features_trailing_separator": (
        Right(read=(), check=predicted(48), refused=(r"line 2 has \d+ fields", r"header \d+")),
    ),
    "maf_allele_t_is_true": (Right(read=("223",), check=store(variants=222, mutations=4.65)),),
    "maf_bom": (Right(read=(), check=store(variants=222, mutations=4.65)),),
    "maf_build_na": (Right(read=(), check=store(variants=222, mutations=4.65)),),
    "maf_hash_in_barcodes": (Right(read=("48 samples",), check=store(variants=222, mutations=4.65)),),
    "maf_mutation_status": (
        Right(read=("(?i)germline",), check=store(variants=222, mutations=4.65, carriers={"BRCA2": 0})),
    ),
    "maf_rows_longer_than_header": (
        Right(read=(), check=store(variants=222, mutations=4.65), refused=("21 fields", "header 19")),
    ),
    "maf_samples_before_and_after_therapy": (
        Right(refused=("96 (somatic )?samples", "48 patients", "patient_pattern|time")),
    ),
    "maf_sequenced_without_mutation": (Right(read=(), check=predicted(48)),),
    "maf_text_named_gz": (Right(read=(), check=store(variants=222, mutations=4.65), refused=("plain text",)),),
    "predict_level_never_seen": (
        Right(
            read=("er_status", "pos", "neg", "12"),
            shared=(("base", "_base"),),
            before=(
                "python -m fusion.train --config-dir base/my_conf +experiment=breast_tcga cohort=mine "
                "cohort.root=base/data logger=none output=base/out folds.outer=2 folds.inner=2 'arms=[fusion]' "
                "trainer.max_epochs=1 trainer.min_epochs=1",
            ),
            command="python -m fusion.predict --config-dir my_conf run=base/out cohort=mine cohort.root=data "
            "output=pred",
        ),
    ),
    "readme_copy_keeps_generator": (Right(refused=(r"cohort\.generator",)),),
    "seg_touching_segments": (Right(read=(), check=predicted(48), refused=(r"start \+ 1|one base",)),),
    "table_cbioportal_clinical": (Right(refused=("has no column 'age'", "Did you mean 'AGE'")),),
    "table_column_twice": (Right(refused=("ki67", "twice")),),
    "table_latin1": (Right(read=(), refused=("(row|line) 8", "UTF-8", "encoding")),),
    "table_number_without_kind": (Right(read=("age", "kind: number"), refused=("age", "kind: number")),),
    "table_row_numbers_after_line_breaks": (Right(refused=(r"(row|line) 27\b", "not done")),),
    "table_semicolon_decimal_comma": (Right(read=(), check=predicted(48), refused=("semicolon|;", "decimal")),),
    "table_text_named_gz": (Right(read=(), check=predicted(48), refused=("plain text",)),),
    "table_words_for_missing": (
        Right(
            read=("er_status", "missing"),
            refused=("er_status", "missing", "levels"),
        ),
    ),
    "table_xlsx": (Right(read=(), check=predicted(48), refused=("Excel", "CSV")),),
    "tsv_unclosed_quote": (Right(read=(), check=predicted(48, ONC_005=0), refused=("(row|line) 6",)),),
    "vcf_annotation_not_recognised_funcotator": (
        Right(read=(), check=columns(present=("burden:",)), refused=("FUNCOTATION",)),
    ),
    "vcf_bgzf_named_vcf": (Right(read=(), check=store(variants=222, mutations=4.65)),),
    "vcf_dp_not_declared": (Right(read=("(?i)DP .*declare",), refused=("DP", "declare")),),
    "vcf_every_file_names_its_sample_tumor": (
        Right(read=(" 4 samples",), refused=("file's name|file name", "patient_from|patient_pattern|sample_sheet")),
    ),
    "vcf_gzip_named_bgz": (Right(read=(), check=store(variants=222, mutations=4.65)),),
    "vcf_half_calls": (Right(read=(), check=store(variants=222, mutations=4.65, carriers={"TP53": 24})),),
    "vcf_lower_case_alleles": (Right(read=(), check=store(variants=222, mutations=4.65)),),
    "vcf_monomorphic_site": (Right(read=(), check=store(variants=222, mutations=4.65)),),
    "vcf_spaces_for_tabs": (Right(refused=("spaces", "tabs")),),
    "vcf_strelka_without_gt": (Right(read=(" 3 samples",), refused=("Strelka", "GT")),),
    "vcf_varscan_ad": (Right(read=(), check=store(variants=222, mutations=4.65)),),
    "yaml_yes_no": (Right(refused=("quote", "yes")),),
}
