"""What is kept: values of features, scores and selections."""
