"""Scores and selections, a folder per family, one file per paper."""
