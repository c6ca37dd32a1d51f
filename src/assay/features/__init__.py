"""Costly values that methods share: one file per pass."""
