"""The verbs of `telos.cli` by what they are about, and what they share: words of the command line, and answers."""
