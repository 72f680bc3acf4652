"""Where cohorts come from: the embedded simulated one, and readers of public ones."""
