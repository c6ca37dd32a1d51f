"""Reading every common layout of instruction data, and writing it back."""
