"""Kinds of candidates that the scan (`telos.corpus.kernels.personal_data`) finds; apart from it, since Numba takes long to
import."""

EMAIL, NUMBER, DOTTED, COLONS, URL, KEY, PEM, IBAN, PASSPORT = range(9)
"""A whole e-mail address; digits with signs between them; four numbers with dots; groups with colons; a URL; a token that
begins like a known key; ``-----BEGIN``; a token that begins like an IBAN; the word "passport" or 护照."""
