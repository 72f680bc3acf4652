"""Who the patients are: a table by outcome, what is missing, and whether they are enough."""
