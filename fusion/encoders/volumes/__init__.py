"""Encoders of patches of volumes."""
