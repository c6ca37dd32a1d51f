"""Training on rows."""
