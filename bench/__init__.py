"""Benchmarks: each beside a reference that does the same work in the same run, on the same server."""
