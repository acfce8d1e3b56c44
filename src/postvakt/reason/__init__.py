"""Pure conclusions: whose evidence it is, what was covered, what was found, what it adds up to. No input, no output."""
