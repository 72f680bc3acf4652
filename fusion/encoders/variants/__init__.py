"""Encoders of genes and variants."""
