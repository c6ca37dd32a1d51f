"""Pure algorithms on arrays."""
