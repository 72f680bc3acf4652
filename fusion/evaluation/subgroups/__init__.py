"""Whether the model is as good in some patients as in others."""
