"""Finished runs against one another."""
