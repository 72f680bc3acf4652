"""Copy number from segments."""
