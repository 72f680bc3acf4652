"""Folds and pieces of ingest on other machines: what Ray and SLURM have in common, and each of them."""
