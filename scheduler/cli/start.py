"""What a command begins with: the settings, read once and checked, and the log as they want it."""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.clock import Clock
    from scheduler.settings import Settings


def settings() -> Settings:
    """The settings of this process. Raises SettingsError that names each wrong variable."""
    from scheduler.settings import load

    return load()


def link_base() -> str:
    """What links in messages begin with."""
    return settings().link_base


def log_by(chosen: Settings, clock: Clock, *, serving: bool = False) -> None:
    """Log as the settings say. A command that ends by itself tells of warnings only, unless asked for more."""
    from scheduler.bootstrap import configure_logging

    given = chosen.model_fields_set
    level = chosen.log_level if serving or "log_level" in given else "warning"
    as_json = chosen.log_json if serving or "log_json" in given else not sys.stderr.isatty()
    configure_logging(clock, level=level, as_json=as_json)


def whoever() -> str:
    """Who runs this command, as this machine knows them; it goes into the journal with what they do."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
