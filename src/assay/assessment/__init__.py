"""Whole datasets side by side: what each consists of, and what they share."""
