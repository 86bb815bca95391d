"""Schedules: the levels, heuristics and families of them, and their hand-over to frameworks."""
