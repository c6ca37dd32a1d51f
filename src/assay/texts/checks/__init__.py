"""Rules that an answer keeps or breaks: pure functions of the answer and of what was demanded."""
