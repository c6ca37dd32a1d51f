"""A sample becomes tokens."""
