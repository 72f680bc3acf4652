"""Nested folds: drawn, read, checked."""
