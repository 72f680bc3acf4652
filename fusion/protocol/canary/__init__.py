"""Canaries: what a sound protocol must not find in a cohort, and what it must."""
