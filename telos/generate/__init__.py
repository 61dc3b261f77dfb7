"""Floor 5: text from any model that gives the probabilities of the next token."""
