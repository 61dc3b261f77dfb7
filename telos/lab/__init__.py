"""Many runs: `telos compare` trains several recipes at equal compute and says which is better at what."""
