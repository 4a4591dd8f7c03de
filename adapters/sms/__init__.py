"""SMS channels."""
