"""What several datasets are like, side by side."""
