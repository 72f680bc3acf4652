"""Small examples of one's own files: twelve patients that never were, by kind of measurement. SIMULATED."""
