"""Evidence on real networks: small denoisers, trained here, on which the library's schedules are measured."""
