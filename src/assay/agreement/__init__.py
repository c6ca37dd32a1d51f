"""Is a small model good enough? How far two readings of the same rows agree."""
