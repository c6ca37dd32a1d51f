"""Rows: the pool, its ids, views of it, and how it is made."""
