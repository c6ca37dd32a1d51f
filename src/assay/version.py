"""The version, alone: many files write it down and need nothing else."""

__version__ = "0.1.0"
