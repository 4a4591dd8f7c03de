"""pauses, who waits for their end, and indexes of the few that health looks at"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "pause",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(collation="C"), nullable=False),
        sa.Column("why", sa.Text(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "scope", "name"),
    )
    op.add_column("borrower", sa.Column("laid_by_at", sa.DateTime(timezone=True), nullable=True))
    for name, table, condition in (
        ("borrower_set_aside", "borrower", "set_aside IS NOT NULL"),
        ("borrower_laid_by", "borrower", "laid_by_at IS NOT NULL"),
        ("message_unconfirmed", "message", "status = 'unconfirmed'"),
    ):
        op.create_index(name, table, ["clock_id"], postgresql_where=sa.text(condition))
