"""Files of a project by name from the Genomic Data Commons (GDC): query, manifest, download."""
