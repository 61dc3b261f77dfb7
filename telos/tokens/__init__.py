"""Floor 2: tokenizers, the token store, and batches as a pure function of (seed, step)."""
