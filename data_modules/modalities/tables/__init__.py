"""Modalities of cohort tables and files of columns."""
