"""What models that learn by counting share."""
