"""Floor 0: what every other room stands on."""
