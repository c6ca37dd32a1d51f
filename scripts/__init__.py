"""Scripts that write files of the repository: documentation and constraints."""
