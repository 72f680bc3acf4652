"""Radiology of a collection by name from NCI's Imaging Data Commons (IDC): query, manifest, download."""
