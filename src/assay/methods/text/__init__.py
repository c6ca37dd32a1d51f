"""Read off the text: length, variety of words, what a compressor says."""
