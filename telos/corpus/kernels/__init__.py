"""Kernels over the UTF-8 bytes of a batch, compiled; imported where they are called."""
