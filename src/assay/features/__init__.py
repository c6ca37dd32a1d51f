"""Costly values that methods share, and the passes that compute them."""
