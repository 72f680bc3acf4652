"""Variant files as text: headers, checks, small conversions."""
