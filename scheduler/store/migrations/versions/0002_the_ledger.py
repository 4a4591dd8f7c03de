"""the ledger: salts and keys, the journal in the order of transactions, the tree, checkpoints"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

_SALT = "uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())"
_XACT = "(pg_current_xact_id()::text)::bigint"

# What ledger.commit.key reckons, for statements that write many rows.
_KEY = """
CREATE FUNCTION duly_key(salt bytea, path text, id text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN encode(substr(sha256(sha256(salt || convert_to(path, 'UTF8')) || convert_to(to_json(id)::text, 'UTF8')), 1, 16),
              'hex')::uuid;
"""

# A checkpoint that was given out is never changed or taken back either.
_APPEND_ONLY = """
CREATE FUNCTION checkpoint_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'checkpoints are append-only';
END $$;
CREATE TRIGGER checkpoint_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION checkpoint_is_append_only();
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();
REVOKE ALL ON journal, ledger_checkpoint FROM PUBLIC;
"""


def upgrade() -> None:
    """Forward. Refuses a database with entries: those of before held ids of loans, which no ledger may."""
    if op.get_bind().execute(sa.text("SELECT EXISTS (SELECT FROM journal)")).scalar():
        raise RuntimeError(
            "this database was filled by a duly from before the ledger, and its journal cannot be taken over; "
            "begin with an empty database (DULY_HOME or DULY_DATABASE_URL) and import the book again"
        )
    op.execute(_KEY)
    op.add_column("clock", sa.Column("held", sa.Text(collation="C"), nullable=True))
    op.add_column("person", sa.Column("salt", sa.LargeBinary(), nullable=False, server_default=sa.text(_SALT)))
    for table in ("person", "loan", "event"):
        op.add_column(table, sa.Column("revision", sa.BigInteger(), nullable=False, server_default=sa.text("1")))
    op.add_column("borrower", sa.Column("key", sa.Uuid(), nullable=True))
    op.add_column("borrower", sa.Column("facts", sa.Text(collation="C"), nullable=True))
    op.add_column("loan", sa.Column("key", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE borrower b SET key = duly_key(p.salt, 'borrower', b.borrower_id) FROM person p "
        "WHERE (p.lender_id, p.clock_id, p.borrower_id) = (b.lender_id, b.clock_id, b.borrower_id)"
    )
    op.execute(
        "UPDATE loan l SET key = duly_key(p.salt, 'loan/' || l.loan_id, l.loan_id) FROM person p "
        "WHERE (p.lender_id, p.clock_id, p.borrower_id) = (l.lender_id, l.clock_id, l.borrower_id)"
    )
    op.alter_column("borrower", "key", nullable=False)
    op.alter_column("loan", "key", nullable=False)
    op.create_table(
        "past_fact",
        *_keys(),
        sa.Column("borrower_id", sa.Text(collation="C"), nullable=False),
        sa.Column("ref", sa.Text(collation="C"), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("said", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "borrower_id", "ref", "revision"),
    )
    op.drop_table("journal")
    op.create_table(
        "journal",
        *_keys(),
        sa.Column("xact", sa.BigInteger(), nullable=False, server_default=sa.text(_XACT)),
        sa.Column("entry_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("borrower_key", sa.Uuid(), nullable=True),
        sa.Column("loan_key", sa.Uuid(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("channel_place", sa.Integer(), nullable=False),
        sa.Column("entry", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "xact", "entry_id"),
    )
    op.create_index("journal_borrower", "journal", ["lender_id", "clock_id", "borrower_key", "entry_id"], unique=False)
    op.create_index(
        "journal_ledger", "journal", ["lender_id", "clock_id", "xact", "entry_id"], unique=False,
        postgresql_where=sa.text("kind IN ('ledger_key', 'reconciled')"),
    )  # fmt: skip
    op.create_table(
        "ledger",
        *_keys(),
        sa.Column("origin", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("next_xact", sa.BigInteger(), nullable=False),
        sa.Column("next_entry", sa.BigInteger(), nullable=False),
        sa.Column("xact_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lender_id", "clock_id"),
    )
    op.create_table(
        "ledger_tile",
        *_keys(),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("first_xact", sa.BigInteger(), nullable=True),
        sa.Column("first_entry", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "level", "place"),
    )
    # Hashes do not compress; to try costs more than to write them.
    op.execute("ALTER TABLE ledger_tile ALTER COLUMN hashes SET STORAGE EXTERNAL")
    op.create_table(
        "ledger_checkpoint",
        *_keys(),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(collation="C"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lender_id", "clock_id", "size"),
    )
    op.execute(_APPEND_ONLY)


def _keys() -> tuple[sa.Column[str], sa.Column[int]]:
    return (
        sa.Column("lender_id", sa.Text(collation="C"), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
    )
