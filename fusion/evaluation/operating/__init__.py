"""Where a score is acted upon: cut-offs by sensitivity, specificity or net benefit."""
