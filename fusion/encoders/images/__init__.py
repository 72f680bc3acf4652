"""Encoders of tiles and bags of tiles."""
