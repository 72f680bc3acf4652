"""What may be said of one patient: sets that hold the truth, probabilities with bounds, and how firm a score is."""
