"""What a collection contract says and what it means: pure values, no I/O, no clock, no database."""
