"""What contributions are measured in, for each kind of endpoint."""
