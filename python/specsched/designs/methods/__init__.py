"""How the best levels are found: one file per method."""
