"""Modalities of variants."""
