"""From somebody's judgement: numbers that people or other programs gave."""
