"""Modalities: one source of measurements on patients a file; see `base` for what they share."""
