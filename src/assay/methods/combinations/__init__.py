"""Made of other methods: the best by a score, several scores, quotas."""
