"""Pages of the first hour: what a folder holds (fusion.draft), whether a cohort is ready to train (fusion.check)."""
