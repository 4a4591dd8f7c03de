"""The law as data and the guard that applies it before every message."""
