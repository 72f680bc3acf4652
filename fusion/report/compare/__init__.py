"""The page of runs side by side."""
