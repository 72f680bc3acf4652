"""Fusers: the tokens of all modalities in, one vector a patient out. One idea a file."""
