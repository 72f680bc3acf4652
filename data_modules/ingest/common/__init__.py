"""What every ingest shares: the cache, reading ahead, the command."""
