"""What the models with a window share: the last k tokens say all that they know of the text before."""
