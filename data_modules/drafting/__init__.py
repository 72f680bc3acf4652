"""A cohort's declaration drafted from a folder of files: what lies there, what joins it, and what is left to say."""
