"""Variant files → stores of genotypes and annotations."""
