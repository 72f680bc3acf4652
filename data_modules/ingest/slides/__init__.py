"""Slides and tiles: read, masked, tiled, described."""
