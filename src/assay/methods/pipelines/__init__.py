"""Several steps of one paper: quality first, then diversity."""
