"""From distances between embeddings: cover the pool, and be diverse."""
