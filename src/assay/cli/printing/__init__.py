"""What a command line answers: tables and lines for people."""
