"""Language models behind HTTP."""
