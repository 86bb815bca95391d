"""Hand-over of the levels to frameworks: one file per framework."""
