"""What was measured: files → patients → folds → Batch. Importing this package imports nothing heavy."""
