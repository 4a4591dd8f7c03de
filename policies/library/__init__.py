"""Contracts ready to use, each with its tests; read through importlib.resources."""
