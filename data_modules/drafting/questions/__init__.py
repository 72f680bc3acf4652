"""What a draft asks: which questions, and what their answers become."""
