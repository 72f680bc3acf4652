"""Encoders of columns."""
