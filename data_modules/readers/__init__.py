"""Files as they come: one opener a format, by content; what cannot be read with certainty is refused with a mend."""
