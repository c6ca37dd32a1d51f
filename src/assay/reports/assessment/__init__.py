"""The page of an assessment."""
