"""Any solver over any schedule inside other people's pipelines: one file per framework."""
