"""What is done before anything else: is this the package we think it is, which zones count, how is it logged."""

from __future__ import annotations

import datetime
import json
import logging
import os
import sys
import traceback
import zoneinfo
from collections.abc import Mapping, MutableMapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, TextIO

import structlog

import scheduler
from scheduler.clock import Clock

REDACTED = "[redacted]"

# What says who a person is, what was written to them, or what must stay secret; by the name of the key.
_PERSONAL = frozenset(
    {"first_name", "last_name", "name", "phone", "email", "address", "to", "recipient", "value", "params", "statement"}
    | {"subject", "body", "html", "text", "link", "url"}
    | {"token", "password", "secret", "key", "auth_token", "authorization", "link_key", "database_url"}
)
_DEEPEST = 6


class ForeignPackageError(Exception):
    """Another distribution's package ``scheduler`` lies where ours should be."""


def check_package() -> None:
    """Raise ``ForeignPackageError`` where ``import scheduler`` finds, or is mixed with, another distribution's."""
    ours = Path(__file__).resolve().parent
    found = Path(scheduler.__file__ or "").resolve()
    foreign = getattr(scheduler, "DISTRIBUTION", None) != "duly" or found.parent != ours
    try:
        files = distribution("scheduler").files or []
    except PackageNotFoundError:
        files = []
    mixed = any(Path(str(file.locate())).resolve().parent == ours for file in files if file.name == "__init__.py")
    if foreign or mixed:
        raise ForeignPackageError(
            f"the package 'scheduler' at {found} is not duly's but that of the distribution 'scheduler'; "
            "uninstall it (pip uninstall scheduler) and install duly again, or give duly an environment of its own"
        )


def use_pinned_zones() -> None:
    """Take time zones from the package ``tzdata`` alone: the system's files may disagree about the future."""
    zoneinfo.reset_tzpath(to=())


def use_own_packs() -> None:
    """Put the lender's own rule packs, the files of ``DULY_PACKS``, beside those built in.

    Raises ``SettingsError`` for a file that cannot be read, ``InputError`` with every problem of the packs.
    """
    if not os.environ.get("DULY_PACKS"):
        return  # most commands need neither settings nor packs
    from policies.compliance.packs import use_own
    from policies.language.source import MAX_BYTES
    from scheduler.settings import SettingsError, load

    files: list[tuple[str, bytes]] = []
    for name in filter(None, (load().packs or "").split(os.pathsep)):
        try:
            with Path(name).open("rb") as file:
                files.append((name, file.read(MAX_BYTES + 1)))
        except OSError as error:
            raise SettingsError(
                f"DULY_PACKS names {name}, which cannot be read: {error.strerror}; correct the path"
            ) from error
    use_own(files)


def configure_logging(clock: Clock, *, level: str = "info", as_json: bool = True, stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's log to ``stream`` (standard error), one line an event.

    Values under personal keys are redacted at any depth; an error is logged by its type and place, without
    its words, which may quote a row or an address; control characters are escaped.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _Stamp(clock),
        _error,
        _redact,
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _json if as_json else _line],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for noisy in ("httpx", "httpcore", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A job that is still at work when its time comes again is what ``max_instances`` is for, and no news.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


class _Stamp:
    """Adds the instant by our clock, so that a run under a test clock logs its own time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        event["at"] = (epoch + datetime.timedelta(microseconds=self._clock.now())).isoformat(timespec="milliseconds")
        return event


def _error(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and the places that it came through."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info if isinstance(info, BaseException) else None
    if info is True:
        error = sys.exc_info()[1]
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        event["error"] = type(error).__name__
        if (sqlstate := getattr(error, "sqlstate", None)) is not None:
            event["sqlstate"] = sqlstate
        event["error_places"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value if key.startswith("_") else _clean(key, value, 0) for key, value in event.items()}


def _clean(key: str, value: Any, depth: int) -> Any:
    """The value as JSON can hold it. An object, a named tuple too, is shown as its type: it might show a person."""
    if key.lower() in _PERSONAL:
        return REDACTED
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {str(inner): _clean(str(inner), of, depth + 1) for inner, of in value.items()}
    if type(value) in (list, tuple, set, frozenset) and depth < _DEEPEST:
        return [_clean("", of, depth + 1) for of in value]
    if isinstance(value, datetime.date | Path):
        return str(value)
    return f"<{type(value).__name__}>"


def _json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """One line of ASCII: each control character, line break and half character is an escape."""
    return json.dumps(event, ensure_ascii=True)


def _line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """The same for a person's eyes: time, level, event, then ``key=value``, each value escaped as in JSON."""
    at, level, what = event.pop("at"), event.pop("level"), event.pop("event")
    said = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in str(what))
    rest = [f"{key}={json.dumps(value, ensure_ascii=True)}" for key, value in event.items()]
    return " ".join([at, level.upper(), said, *rest])
