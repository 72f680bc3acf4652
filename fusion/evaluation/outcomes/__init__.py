"""One file a kind of endpoint: between logits and metrics, everything that depends on it."""
