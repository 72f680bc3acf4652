"""Folds × arms: fit, choose, calibrate, score out of fold."""
