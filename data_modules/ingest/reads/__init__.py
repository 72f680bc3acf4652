"""Sequencing reads → the variant files that `modality.variants` reads, by a Snakemake workflow."""
