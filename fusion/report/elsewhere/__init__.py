"""What the report of new patients or an outside cohort shows, by kind of endpoint."""
