"""One network: assembled, trained on one split, saved."""
