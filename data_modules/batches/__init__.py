"""Patients as batches; bags of tiles."""
