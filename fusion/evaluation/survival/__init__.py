"""What judges predicted times to an event: concordance within folds, IPCW scores, curves of out-of-fold risk groups."""
