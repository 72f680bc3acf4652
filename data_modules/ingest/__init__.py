"""Offline steps from raw files to arrays, each cached by the content of its input and its settings."""
