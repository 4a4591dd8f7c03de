"""A PostgreSQL for runs outside pytest: started in a folder of its own, with a template to copy, and taken away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduler.store import database, embedded

_TEMPLATE = "template_duly"
_NAME = "simulated"


@contextmanager
def template_server() -> Iterator[embedded.Server]:
    """A server with a database that has the schema and nothing in it."""
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        try:
            server = embedded.start(home)
            with server.maintenance() as connection:
                connection.execute(f"CREATE DATABASE {_TEMPLATE}")
            database.migrate(server.database_url(_TEMPLATE))
            yield server
        finally:
            embedded.remove(home)


@contextmanager
def fresh_database(server: embedded.Server, template: str = _TEMPLATE) -> Iterator[str]:
    """The address of a copy of the template, dropped at the end."""
    with server.maintenance() as connection:
        connection.execute(f"CREATE DATABASE {_NAME} TEMPLATE {template}")
    try:
        yield server.database_url(_NAME)
    finally:
        with server.maintenance() as connection:
            connection.execute(f"DROP DATABASE {_NAME} WITH (FORCE)")
