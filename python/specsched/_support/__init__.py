"""What every room may use: checks and their error texts, names of the core, progress, files, single precision."""
