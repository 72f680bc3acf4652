"""The run folder: what writes it, reads it and keeps it whole."""
