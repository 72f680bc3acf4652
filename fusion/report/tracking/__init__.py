"""What goes to experiment loggers beside tables: curves while networks train, and the report."""
