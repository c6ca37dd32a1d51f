"""The language model that comes with Assay, with and without torch."""
