"""A run as others ask to have it told: a model card in Hugging Face's format, and the checklist TRIPOD+AI."""
