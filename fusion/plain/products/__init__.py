"""Products of two columns that a linear model lacks."""
