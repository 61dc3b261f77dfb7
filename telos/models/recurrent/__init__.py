"""What the recurrent families share: settings, state and network."""
