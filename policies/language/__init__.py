"""The policy language: text in, a compiled contract and positioned problems out."""
