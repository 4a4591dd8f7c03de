"""The service: the clock, the database and the transaction."""
