"""Algorithms on arrays: nothing here knows of rows, methods or files."""
