"""A finished run on new patients: restore, match, score."""
