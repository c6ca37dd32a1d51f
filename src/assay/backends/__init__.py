"""The only importers of heavy packages and of embedded models."""
