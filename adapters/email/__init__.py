"""E-mail channels."""
