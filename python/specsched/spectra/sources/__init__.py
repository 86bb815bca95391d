"""From what lies at a path to a spectrum: one file per kind of data, one table of all of them."""
