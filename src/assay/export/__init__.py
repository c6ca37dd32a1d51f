"""Selections on their way out: as they came in, or as a trainer reads them."""
