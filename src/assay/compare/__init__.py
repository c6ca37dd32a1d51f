"""Comparing selections by what models tuned on them learn."""
