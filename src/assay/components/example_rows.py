"""Rows that guides work out: what was asked, and what was answered.

Methods that show the same rows can be compared by their pages. A guide may as well write rows of
its own; one of a plugin does.
"""

CAPITAL = (
    "Name the capital of France and the river that runs through it.",
    "Paris; the Seine. It rises in Burgundy and reaches the Channel at Le Havre.",
)
"""The answer says what the question does not hold."""
REPEATED = (
    "Repeat this sentence: the river Seine runs through the city of Paris.",
    "The river Seine runs through the city of Paris.",
)
"""The question holds its answer."""
SHORT = ("Is the earth round?", "Yes")
"""The answer is a single word."""
MOON = (
    "Why do we always see the same side of the moon?",
    "Because it turns once around itself in the time it takes to go around the earth.",
)
MOON_REWORDED = (
    "Why is it always the same side of the moon that we see?",
    "It turns around itself once while it goes around the earth once.",
)
"""The same question as `MOON`, and the same answer, in other words."""
SOUP = (
    "How do I cook a simple soup of tomatoes?",
    "Fry an onion, add tomatoes and stock, simmer for twenty minutes, and blend.",
)
MOON_ANSWERED_BY_SOUP = (MOON[0], SOUP[1])
"""The answer is a good one, to another question."""
