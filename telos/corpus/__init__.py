"""Floor 1: from files to clean documents, split into train, validation and test, every dropped one accounted for."""
