"""Which therapy for whom: what a rule that prefers one would have been worth, from patients dealt to therapies."""
