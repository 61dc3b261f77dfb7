"""Floor 3: the parts that models are assembled from.  Parameters are fp32 masters; every layer computes in the type of its
input and casts its weights on use, so precision is decided by what the embedding gives.

Shape letters: B batch, T time (queries), S time (keys), D width, H heads, K head size, V vocabulary, N = B·T rows.
"""
