"""From a pipeline, a scheduler or a model's name to a schedule that runs in it."""
