"""Models in one file, as llama.cpp reads them, and how they become a folder."""
