"""Parts of the training report that are read from metrics.json alone: one a file."""
