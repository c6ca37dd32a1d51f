"""Pure functions of texts: measures, languages, MinHash, overlap."""
