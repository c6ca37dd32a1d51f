"""Pages on one project: a selection, the difference of two, scores."""
