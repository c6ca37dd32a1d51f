"""A run written down in YAML."""
