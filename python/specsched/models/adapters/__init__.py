"""Denoisers from the networks of other frameworks, one file each."""
