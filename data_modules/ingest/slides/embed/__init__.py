"""Frozen encoders over tiles."""
