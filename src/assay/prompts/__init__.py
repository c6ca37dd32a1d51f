"""Versioned texts that models are given: data files, each known by the digest of its content."""
