"""One file per verb: options in, a call of the library, printing out."""
