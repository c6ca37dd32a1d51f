"""What can be asked: descriptions, names, budgets, and the table of all of them."""
