"""Judges: language models behind an address that say what they make of rows."""
