"""How long a test waits for a process or a moment before it gives up."""

PATIENCE_SECONDS = 1200.0
"""Only what hangs takes as long: a machine that does other work may be twenty times slower."""
