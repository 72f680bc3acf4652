"""Radiology volumes: read, placed on one grid, described."""
