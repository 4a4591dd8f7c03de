"""test clocks: their names and where each is on its way to; the journal of a test clock goes with it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# An entry of the real clock is never changed and never taken back. Those of a test clock are in no ledger, and go
# where their clock is dropped; that they became the real clock's, or those of another, is refused like any change.
_APPEND_ONLY = """
DROP TRIGGER journal_append_only ON journal;
CREATE TRIGGER journal_append_only BEFORE UPDATE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();
CREATE TRIGGER journal_is_kept BEFORE DELETE ON journal
    FOR EACH ROW WHEN (OLD.clock_id = 0) EXECUTE FUNCTION journal_is_append_only();
"""


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "named_clock",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("target_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sandbox_only", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("lender_id", "clock_id"),
    )
    op.create_index("named_clock_name", "named_clock", ["lender_id", "name"], unique=True)
    op.execute(_APPEND_ONLY)
