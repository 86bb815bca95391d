"""Many designs in one call, and their table of results."""
