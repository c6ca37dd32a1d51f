"""By chance: what every other method must beat."""
