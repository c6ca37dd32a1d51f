"""A folder, its pool and its results."""
