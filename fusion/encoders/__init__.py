"""Encoders: one modality's tokens in, tokens of a common width and a summary out. One idea a file."""
