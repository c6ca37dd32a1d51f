"""What a command line says: groups of options, the grammar of words, completion."""
