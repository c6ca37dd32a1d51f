"""What a model must be able to do, and how it is trained: the border to the backends."""
