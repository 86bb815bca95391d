"""Designs on affine modes: recorded networks, guidance, and the coefficients of a designed solver."""
