"""Tables of another shape than one row a patient and one column a value."""
