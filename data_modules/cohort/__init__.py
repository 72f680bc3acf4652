"""Tables → one validated, reconciled cohort."""
