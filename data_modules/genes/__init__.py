"""Gene sets and where genes lie."""
