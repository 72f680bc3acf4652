"""What is published of a patient's variants, beside what the model makes of the same genes."""
