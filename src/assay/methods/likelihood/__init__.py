"""From the probabilities that a language model gives to the answers."""
