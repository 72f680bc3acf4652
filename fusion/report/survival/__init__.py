"""What a training report shows of a time to an event, beside what every report shows."""
