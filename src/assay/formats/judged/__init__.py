"""What judges said, in the files in which it is published: scores, and verdicts on pairs."""
