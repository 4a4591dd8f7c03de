"""What can be wrong with a ledger, as errors whose texts say what was found and what to do.

LedgerError        the ledger cannot go on, or is not what it was
├── Held           this clock is held until ``duly reconcile``
└── WitnessError   a witness cannot be read or did not keep a checkpoint; the next time it may
    └── Refused    a witness will not have this checkpoint, as it contradicts one that it keeps
"""

from __future__ import annotations


class LedgerError(Exception):
    """The ledger cannot go on, or is not what it was."""


class Held(LedgerError):
    """This clock is held until ``duly reconcile``."""


class WitnessError(LedgerError):
    """A witness cannot be read or did not keep a checkpoint."""


class Refused(WitnessError):
    """A witness will not have a checkpoint."""
