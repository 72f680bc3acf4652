"""What regimens are made of: agents with their codes, classes, doses and places in a sequence."""
