"""The service: the clock, the database and the transaction."""

# PyPI has another distribution with a package of this name; scheduler/bootstrap.py tells the two apart.
DISTRIBUTION = "duly"
