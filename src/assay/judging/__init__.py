"""What is asked of a judge and what is made of its replies."""
