"""the first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

# The journal is added to and never changed, whoever asks.
_APPEND_ONLY = """
CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only';
END $$;
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();
"""


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "borrower",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("borrower_id", sa.Text(collation="C"), nullable=False),
        sa.Column("language", sa.Text(collation="C"), nullable=False),
        sa.Column("zone", sa.Text(collation="C"), nullable=False),
        sa.Column("region", sa.Text(collation="C"), nullable=False),
        sa.Column("whereabouts", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("set_aside", sa.Text(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "borrower_id"),
    )
    op.create_index("borrower_wake", "borrower", ["clock_id", "wake_at", "lender_id", "borrower_id"], unique=False)
    op.create_table(
        "clock",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("now_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moved", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("lender_id", "clock_id"),
    )
    op.create_table(
        "event",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(collation="C"), nullable=False),
        sa.Column("borrower_id", sa.Text(collation="C"), nullable=False),
        sa.Column("loan_id", sa.Text(collation="C"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.Text(collation="C"), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("ref", sa.Text(collation="C"), nullable=True),
        sa.Column("channel", sa.Text(collation="C"), nullable=True),
        sa.Column("value", sa.Text(collation="C"), nullable=True),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("from_on", sa.Date(), nullable=True),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "event_id"),
    )
    op.create_index("event_borrower", "event", ["lender_id", "clock_id", "borrower_id", "known_at"], unique=False)
    op.create_table(
        "event_text",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(collation="C"), nullable=False),
        sa.Column("address", sa.Text(collation="C"), nullable=True),
        sa.Column("text", sa.Text(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "event_id"),
    )
    op.create_table(
        "instalment",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("loan_id", sa.Text(collation="C"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("principal_minor", sa.BigInteger(), nullable=False),
        sa.Column("interest_minor", sa.BigInteger(), nullable=False),
        sa.Column("fees_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "loan_id", "number"),
    )
    op.create_table(
        "journal",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("borrower_id", sa.Text(collation="C"), nullable=True),
        sa.Column("loan_id", sa.Text(collation="C"), nullable=True),
        sa.Column("message_id", sa.Text(collation="C"), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("channel_place", sa.Integer(), nullable=False),
        sa.Column("entry", sa.Text(collation="C"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "entry_id"),
    )
    op.create_index("journal_loan", "journal", ["lender_id", "clock_id", "loan_id", "at"], unique=False)
    op.create_table(
        "loan",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("loan_id", sa.Text(collation="C"), nullable=False),
        sa.Column("borrower_id", sa.Text(collation="C"), nullable=False),
        sa.Column("product", sa.Text(collation="C"), nullable=False),
        sa.Column("currency", sa.Text(collation="C"), nullable=False),
        sa.Column("principal_minor", sa.BigInteger(), nullable=False),
        sa.Column("disbursed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("policy", sa.Text(collation="C"), nullable=True),
        sa.Column("segment", sa.Text(collation="C"), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("allocation", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "loan_id"),
    )
    op.create_index("loan_borrower", "loan", ["lender_id", "clock_id", "borrower_id"], unique=False)
    op.create_table(
        "message",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.Text(collation="C"), nullable=False),
        sa.Column("borrower_id", sa.Text(collation="C"), nullable=False),
        sa.Column("loan_id", sa.Text(collation="C"), nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text(collation="C"), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("contact_key", sa.Text(collation="C"), nullable=False),
        sa.Column("channel", sa.Text(collation="C"), nullable=False),
        sa.Column("status", sa.Text(collation="C"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("send_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider", sa.Text(collation="C"), nullable=True),
        sa.Column("reference", sa.Text(collation="C"), nullable=True),
        sa.Column("reason", sa.Text(collation="C"), nullable=True),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "message_id"),
    )
    op.create_index("message_borrower", "message", ["lender_id", "clock_id", "borrower_id", "decided_at"], unique=False)
    op.create_index(
        "message_open",
        "message",
        ["clock_id", "status", "next_attempt_at", "message_id"],
        unique=False,
        postgresql_where="status IN ('queued', 'sending')",
    )
    op.create_table(
        "message_body",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.Text(collation="C"), nullable=False),
        sa.Column("sent_to", sa.Text(collation="C"), nullable=False),
        sa.Column("language", sa.Text(collation="C"), nullable=False),
        sa.Column("subject", sa.Text(collation="C"), nullable=True),
        sa.Column("body", sa.Text(collation="C"), nullable=False),
        sa.Column("lender_name", sa.Text(collation="C"), nullable=True),
        sa.Column("reply_to", sa.Text(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "message_id"),
    )
    op.create_table(
        "person",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("borrower_id", sa.Text(collation="C"), nullable=False),
        sa.Column("first_name", sa.Text(collation="C"), nullable=False),
        sa.Column("last_name", sa.Text(collation="C"), nullable=False),
        sa.Column("phone", sa.Text(collation="C"), nullable=True),
        sa.Column("email", sa.Text(collation="C"), nullable=True),
        sa.Column("address", sa.Text(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "borrower_id"),
    )
    op.create_table(
        "policy_version",
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("file_name", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "digest"),
    )
    op.execute(_APPEND_ONLY)
