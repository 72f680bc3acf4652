"""Modalities of images: slides, tiles, their features."""
