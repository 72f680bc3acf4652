"""Requests to public archives, and their files onto the disk: patience, resumption, checksums."""
