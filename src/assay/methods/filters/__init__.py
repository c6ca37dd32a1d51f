"""All rows that pass: duplicates, overlap with an evaluation, cut-offs, words."""
