"""Who wins, and is it beyond chance? Outcomes and their statistics from what judges said."""
