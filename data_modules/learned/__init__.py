"""All that learns from data outside a network; training ids only."""
