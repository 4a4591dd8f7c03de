"""The option by which a command is told of which clock's book it is to read or change."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler.clock import REAL

__all__ = ["REAL", "OfClock"]

OfClock = Annotated[
    str, typer.Option("--clock", metavar="NAME", help="The book of this test clock, or of the real one.")
]
"""Its default is REAL."""
