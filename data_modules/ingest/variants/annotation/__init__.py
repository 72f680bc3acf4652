"""Genes and consequences of variants, as annotators write them."""
