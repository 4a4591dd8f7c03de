"""What is set by environment variables ``DULY_…``: read once at start, checked, and documented from here."""

from __future__ import annotations

import difflib
import os
import string
from pathlib import Path
from typing import Any, Literal
from unicodedata import category
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from scheduler.port import split_address

PREFIX = "DULY_"
SHORTEST_KEY = 32


class SettingsError(Exception):
    """One or more ``DULY_…`` variables are wrong; each line names one, and says what to do."""


def _setting(default: Any, meaning: str, expected: str, shown: str | None = None) -> Any:
    """A field with what its table row says and what its error says; ``shown`` stands for the default."""
    return Field(default, description=meaning, json_schema_extra={"expected": expected, "shown": shown})


def _option(adapter: str, meaning: str, shown: str | None = None) -> Any:
    """A field that an adapter reads, as text, and checks itself."""
    return _setting(None, f"`{adapter}`: {meaning}", "text", shown)


class Settings(BaseSettings):
    """All settings. Secrets are ``SecretStr``: no ``repr``, log or error prints them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True, extra="forbid"
    )

    database_url: SecretStr | None = _setting(
        None,
        "The PostgreSQL server, version 15 or newer: `postgresql://user:password@host:port/database`. A secret.",
        "postgresql://user:password@host:port/database",
        "none: duly starts its own server",
    )
    home: Path = _setting(
        Path(".duly"),
        "The folder of what duly keeps on this machine: the embedded database (where root starts it, that lies under "
        "`/var/lib/duly`, a folder for each home), keys, sandbox messages.",
        "a folder's path",
    )
    database_timeout_s: int = _setting(
        30,
        "How long a daemon waits for one answer of the database before it counts as gone, in seconds.",
        "a whole number from 1 to 600",
    )
    embedded_listen: str | None = _setting(
        None,
        "Opens a port of the embedded database on this address, `ADDRESS:PORT`, with a password.",
        "ADDRESS:PORT, such as 127.0.0.1:5433",
        "none: a socket in a private folder only",
    )
    embedded_user: str = _setting(
        "nobody",
        "Who runs the embedded database where duly is started by root, which PostgreSQL refuses to run as.",
        "an unprivileged user of this machine",
    )
    packs: str | None = _setting(
        None,
        f"Rule packs of your own: files, with `{os.pathsep}` between. A policy names them in `rules:`.",
        f"paths of files, with {os.pathsep} between",
    )
    sms_adapter: str = _setting("sandbox", "The adapter that carries SMS.", "an adapter's name")
    email_adapter: str = _setting("sandbox", "The adapter that carries e-mail.", "an adapter's name")
    letter_adapter: str = _setting("sandbox", "The adapter that carries letters.", "an adapter's name")
    sandbox_folder: Path | None = _setting(
        None,
        "`sandbox`: where messages are written as files.",
        "a folder's path",
        "`messages` in `DULY_HOME`",
    )
    smtp_host: str | None = _option("smtp", "the server that takes mail over.")
    smtp_from: str | None = _option("smtp", "the address that mails come from.")
    smtp_security: str | None = _option("smtp", "`starttls`, `tls`, or `none` (this machine only).", "`starttls`")
    smtp_port: str | None = _option("smtp", "the server's port.", "587, 465 or 25, by security")
    smtp_username: str | None = _option("smtp", "who logs in.", "none: no login")
    smtp_password: SecretStr | None = _option("smtp", "the password. A secret.")
    smtp_ca_file: str | None = _option("smtp", "certificates to trust instead of the system's.")
    smtp_timeout_s: str | None = _option("smtp", "the time for one whole delivery, in seconds.", "60")
    twilio_account_sid: str | None = _option("twilio", "the account, `AC` and 32 hex digits.")
    twilio_auth_token: SecretStr | None = _option("twilio", "the account's token. A secret.")
    twilio_from: str | None = _option("twilio", "the sender: this, or a messaging service.")
    twilio_messaging_service_sid: str | None = _option("twilio", "the messaging service, `MG` and 32 hex digits.")
    twilio_status_callback: str | None = _option("twilio", "where Twilio reports what became of a message, https.")
    twilio_validity_s: str | None = _option("twilio", "how long a message may wait at Twilio, in seconds.", "3600")
    twilio_base_url: str | None = _option("twilio", "another server that speaks the same API.", "Twilio's own")
    twilio_timeout_s: str | None = _option("twilio", "the time for one request, in seconds.", "15")
    link_base: str = _setting(
        "https://pay.example.invalid",
        "What links in messages begin with; the token follows after a slash.",
        "https://host/path without a query; http for this machine only",
    )
    link_key: SecretStr | None = _setting(
        None,
        "The key that tokens of links are derived from, at least 32 characters; the same for all daemons of one "
        "database. A secret.",
        f"a secret of at least {SHORTEST_KEY} characters",
        "made once, kept in `link.key` in `DULY_HOME`",
    )
    ledger_key: SecretStr | None = _setting(
        None,
        "The seed of the key that signs checkpoints of the ledger, 64 hexadecimal digits; the same for all daemons of "
        "one database. A secret.",
        "64 hexadecimal digits",
        "made once, kept in `ledger.key` in `DULY_HOME`",
    )
    ledger_key_next: SecretStr | None = _setting(
        None,
        "The seed that `duly ledger key rotate` goes over to, where the present one is set by `DULY_LEDGER_KEY`. "
        "A secret.",
        "64 hexadecimal digits",
        "made by `duly ledger key rotate`",
    )
    ledger_origin: str | None = _setting(
        None,
        "What checkpoints of the ledger begin with, such as `ledger.lender.example`; it is fixed by the first one.",
        "a host name, or one and a path, without blanks and plus signs",
        "a name made at random, once",
    )
    witness: str | None = _setting(
        None,
        "Where checkpoints of the ledger are kept outside the database: a folder (its path ends with `/`), a file, or "
        "an address (https); several with commas between.",
        "paths of folders or files, and https addresses, with commas between",
        "none: a cut end of the ledger is not found",
    )
    checkpoint_s: int = _setting(
        60,
        "How often a daemon signs a checkpoint, where there is something new, in seconds.",
        "a whole number from 1 to 86400",
    )
    batch: int = _setting(500, "Borrowers that an engine claims at once.", "a whole number from 1 to 10000")
    engine_threads: int = _setting(
        2, "Engines in one daemon: while one waits for the database, another decides.", "a whole number from 1 to 16"
    )
    lease_s: int = _setting(
        60, "How long a message that leaves belongs to one dispatcher, in seconds.", "a whole number from 5 to 3600"
    )
    dispatch_connections: int = _setting(
        16, "Messages that one daemon has in the air at most.", "a whole number from 1 to 64"
    )
    tick_s: int = _setting(1, "How often a daemon looks for what is due, in seconds.", "a whole number from 1 to 3600")
    listen: str | None = _setting(
        None,
        "Opens the health port of a daemon on this address, `ADDRESS:PORT`: `/healthz`, `/readyz`, `/metrics`. It has "
        "no TLS and no password: for the monitor's network alone.",
        "ADDRESS:PORT, such as 127.0.0.1:9464",
        "none: no port is opened",
    )
    release_limit: int = _setting(
        10_000,
        "An import after which more borrowers who owe than this would be looked at within a day asks for `--release`.",
        "a whole number from 1 to 1000000000",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "What is logged at least.", "debug, info, warning or error"
    )
    log_json: bool = _setting(True, "Log lines as JSON; else as text.", "true or false")

    _others: dict[str, str] = PrivateAttr(default_factory=dict)

    def adapter_options(self, name: str) -> dict[str, str]:
        """The options of the adapter ``name`` for its ``from_settings``: each ``DULY_<NAME>_<OPTION>``, as text.

        An adapter of a third party has its variables in the same manner; a hyphen in its name is a ``_`` there.
        """
        if name == "sandbox":
            return {"folder": str(self.sandbox_folder or self.home / "messages")}
        begin = f"{_prefix_of(name)}_"
        options = {key: value for key, value in self._others.items() if key.startswith(begin)}
        for field in type(self).model_fields:
            value = getattr(self, field)
            if field.startswith(begin) and value is not None:
                options[field] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        return {key.removeprefix(begin): value for key, value in options.items()}

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            _require(url.get_secret_value().startswith(("postgresql://", "postgresql+psycopg://")))
        return url

    @field_validator("sms_adapter", "email_adapter", "letter_adapter")
    @classmethod
    def _is_name(cls, name: str) -> str:
        _require(name.replace("-", "").replace("_", "").isalnum() and name.isascii() and name == name.lower())
        return name

    @field_validator("link_base")
    @classmethod
    def _is_base(cls, base: str) -> str:
        parts = urlsplit(base)
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        _require(parts.scheme == "https" or (parts.scheme == "http" and local))
        _require(bool(parts.hostname) and not parts.query and not parts.fragment and parts.username is None)
        _require(base.isascii() and base.isprintable() and " " not in base)
        return base.rstrip("/")

    @field_validator("link_key")
    @classmethod
    def _is_long(cls, key: SecretStr | None) -> SecretStr | None:
        _require(key is None or len(key.get_secret_value()) >= SHORTEST_KEY)
        return key

    @field_validator("ledger_key", "ledger_key_next")
    @classmethod
    def _is_seed(cls, seed: SecretStr | None) -> SecretStr | None:
        text = "" if seed is None else seed.get_secret_value()
        _require(seed is None or (len(text) == 64 and all(char in string.hexdigits for char in text)))
        return seed

    @field_validator("ledger_origin")
    @classmethod
    def _is_origin(cls, origin: str | None) -> str | None:
        _require(origin is None or (origin.isascii() and origin.isprintable() and not {" ", "+"} & set(origin)))
        return origin

    @field_validator("listen")
    @classmethod
    def _is_address(cls, text: str | None) -> str | None:
        if text is not None:
            split_address(text)
        return text

    @field_validator(
        "database_timeout_s", "batch", "engine_threads", "lease_s", "dispatch_connections", "tick_s", "checkpoint_s",
        "release_limit",
    )  # fmt: skip
    @classmethod
    def _is_within(cls, number: int, info: Any) -> int:
        low, high = {
            "database_timeout_s": (1, 600),
            "release_limit": (1, 1_000_000_000),
            "batch": (1, 10_000),
            "engine_threads": (1, 16),
            "lease_s": (5, 3_600),
            "dispatch_connections": (1, 64),
            "tick_s": (1, 3_600),
            "checkpoint_s": (1, 86_400),
        }[info.field_name]
        _require(low <= number <= high)
        return number


def load() -> Settings:
    """The settings of this process's environment; raises ``SettingsError`` that names every variable at fault."""
    given = {
        name[len(PREFIX) :].lower(): value for name, value in os.environ.items() if name.upper().startswith(PREFIX)
    }
    complaints = [
        f"{PREFIX}{ascii(name.upper())[1:-1]} holds a line break or a control character; expected one line"
        for name, value in given.items()
        if any(category(char) in ("Cc", "Zl", "Zp") for char in name + value)
    ]
    if complaints:
        raise SettingsError("\n".join(complaints))
    try:
        settings = Settings()
    except ValidationError as error:
        settings = Settings.model_construct()
        complaints = [_complaint(str(fault["loc"][0]), given) for fault in error.errors(include_input=False)]
    named = [given.get(f"{channel}_adapter", "") for channel in ("sms", "email", "letter")]
    begins = tuple(f"{_prefix_of(name)}_" for name in named if name)
    for name, value in given.items():
        if name in Settings.model_fields:
            continue
        if begins and name.startswith(begins):
            settings._others[name] = value
        else:
            complaints.append(_unknown(name))
    if complaints:
        raise SettingsError("\n".join(complaints))
    return settings


def documentation() -> str:
    """The page ``docs/configuration.md``."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_default(name)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Configuration",
            "",
            "`duly` is configured by environment variables. They are read and checked once, at start; an empty one",
            "counts as not set, and one that begins with `DULY_` and is not known is an error. Secrets are never",
            "printed or logged. An adapter of a third party, registered as `name` under the entry points",
            "`duly.adapters`, reads each `DULY_NAME_OPTION` as its option `option`.",
            "",
            "This page is made from `scheduler/settings.py` by `make docs`.",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _require(good: bool) -> None:
    if not good:
        raise ValueError


def _prefix_of(adapter: str) -> str:
    return adapter.lower().replace("-", "_")


def _extra(field: str) -> dict[str, Any]:
    extra = Settings.model_fields[field].json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _default(field: str) -> str:
    shown, default = _extra(field)["shown"], Settings.model_fields[field].default
    if shown is not None:
        return str(shown)
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "none" if default is None else f"`{default}`"


def _complaint(field: str, given: dict[str, str]) -> str:
    secret = "SecretStr" in str(Settings.model_fields[field].annotation)
    found = "has a value that is wrong (not shown, it is a secret)" if secret else f"is {given[field]!r}"
    return f"{PREFIX}{field.upper()} {found}; expected {_extra(field)['expected']}; correct it, or leave it out"


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, list(Settings.model_fields), n=1)
    hint = f"did you mean {PREFIX}{near[0].upper()}?" if near else "docs/configuration.md lists the settings"
    return f"{PREFIX}{name.upper()} is not a setting; {hint}"
