"""Kernels over the tokens of one row, compiled; imported where they are called.

What is drawn at random is drawn by NumPy and handed in, so that a row's example is the same whatever compiles the loop.  A call
costs a microsecond, where NumPy needs one for each of the twenty or fifty steps of such a loop: a row of 256 tokens is then about
as cheap, by the token, as a longer one.  Tests: tests/objectives/test_kernels.py (against plain loops, with the same draws).
"""
