"""A patient's variants beside dated CIViC evidence: what is known of them, never what to do."""
