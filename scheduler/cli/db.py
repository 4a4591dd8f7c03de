"""``duly db``: the database, brought up to date, named, or stopped."""

from __future__ import annotations

import typer

from scheduler.cli.failures import Failure
from scheduler.cli.output import say, tell
from scheduler.cli.start import settings as load_settings

app = typer.Typer(help="The database: bring it up to date, name it, stop the embedded one.", no_args_is_help=True)


@app.command()
def migrate() -> None:
    """Bring the tables up to date, in one transaction."""
    from scheduler.store import database, embedded

    settings = load_settings()
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
    else:
        url = embedded.start(settings.home, listen=settings.embedded_listen, user=settings.embedded_user).url
    say(f"the tables are at revision {database.migrate(url)}")


@app.command()
def url() -> None:
    """Print where the database is, for psql and others; the embedded one is started."""
    from scheduler.store import embedded
    from scheduler.store.database import conninfo_of, shown_url

    settings = load_settings()
    if settings.database_url is not None:
        say(shown_url(settings.database_url.get_secret_value()))
        return
    server = embedded.start(settings.home, listen=settings.embedded_listen, user=settings.embedded_user)
    say(conninfo_of(server.network_url or server.url))


@app.command()
def stop() -> None:
    """Stop the embedded PostgreSQL; what is committed stays."""
    from scheduler.store import embedded

    settings = load_settings()
    if settings.database_url is not None:
        raise Failure("DULY_DATABASE_URL names a server that duly did not start; stop it with its own means")
    tell("stopped" if embedded.stop(settings.home) else "it was not running")
