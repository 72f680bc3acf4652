"""Test patients scored under each regimen that patients like them were given."""
