"""A page on what a judge's score is worth."""
