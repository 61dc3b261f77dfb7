"""What a run will cost and reach, told before it begins."""
