"""``duly``: puts the commands together, runs one, and turns whatever comes of it into words and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated
from unicodedata import category

import typer

from scheduler.cli import (
    clock,
    db,
    demo,
    ledger,
    load,
    loan,
    pause,
    policy,
    policy_migrate,
    reconcile,
    replay,
    rules,
    run,
    simulate,
    status,
)
from scheduler.cli.failures import GOOD, INTERRUPTED, USAGE, describe
from scheduler.cli.output import say, settle_streams, tell

app = typer.Typer(
    name="duly",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
policy_migrate.add_to(policy.app)
app.add_typer(policy.app, name="policy")
app.add_typer(rules.app, name="rules")
simulate.add_to(app)
load.add_to(app)
run.add_to(app)
status.add_to(app)
pause.add_to(app)
reconcile.add_to(app)
replay.add_to(app)
demo.add_to(app)
app.add_typer(loan.app, name="loan")
app.add_typer(clock.app, name="clock")
app.add_typer(ledger.app, name="ledger")
app.add_typer(db.app, name="db")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        say(f"duly {version('duly')}")
        raise typer.Exit(GOOD)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Executes loan-collection policies as written: lawful, explained, and provable."""


def main() -> None:
    """The entry point of the command ``duly``."""
    settle_streams()
    code = execute(sys.argv[1:])
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.exit(code)
    # Whoever read has gone; nothing may be written when Python closes the stream.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def execute(arguments: Sequence[str]) -> int:
    """Run one command line; answers the exit code."""
    from scheduler.bootstrap import check_package, configure_logging, use_own_packs, use_pinned_zones
    from scheduler.clock import SystemClock

    try:
        if (odd := _breaks_a_line(arguments)) is not None:
            tell(f"duly: {odd!a} holds a line break or a control character; expected arguments of one line")
            return USAGE
        check_package()
        use_pinned_zones()
        use_own_packs()
        configure_logging(SystemClock(), level="warning", as_json=not sys.stderr.isatty())
        code = app(list(arguments), prog_name="duly", standalone_mode=False)
        return code if isinstance(code, int) else GOOD
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        return _usage(error)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return GOOD
    except Exception as error:
        text, code = describe(error)
        tell(f"duly: {text}")
        return code


def _breaks_a_line(arguments: Sequence[str]) -> str | None:
    """The first argument that could begin a line of its own, or steer a terminal, wherever it is told of."""
    return next((one for one in arguments if any(category(char) in ("Cc", "Zl", "Zp") for char in one)), None)


def _usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    message = getattr(error, "format_message", lambda: str(error))()
    if message:
        tell(f"duly: {message}")
    if context is not None:
        tell(f"{context.get_usage()}\nTry '{context.command_path} --help'.")
    return USAGE
