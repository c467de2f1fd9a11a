"""What was decided about a lead stays as it was, and goes only with its lead."""

from alembic import op

revision = "0014"
down_revision = "0013"
loses: dict[str, str] = {}

_REFUSAL = "decisions is append-only"
# A decision that is made again is confirmed (`confirmed_at`), and one about a lead that has changed
# gets a mark behind its `basis`.
_FIXED = (
    "id, lead_id, agent, version, company_key, verdict, code, reason_en, reason_es, score, draft, "
    "details, simulated, decided_at"
)
_IS_REWRITTEN = "substr(NEW.basis, 1, length(OLD.basis) + 2) <> OLD.basis || '@v'"
# A cascade deletes the lead before its decisions.
_HAS_ITS_LEAD = "EXISTS (SELECT 1 FROM leads WHERE id = OLD.lead_id)"


def upgrade() -> None:
    """Add the triggers. A process of the version before can go on reading and writing."""
    if op.get_bind().dialect.name == "sqlite":
        for name, change in (
            ("update", f"UPDATE OF {_FIXED} ON decisions FOR EACH ROW"),
            ("basis", f"UPDATE OF basis ON decisions FOR EACH ROW WHEN {_IS_REWRITTEN}"),
            ("delete", f"DELETE ON decisions FOR EACH ROW WHEN {_HAS_ITS_LEAD}"),
        ):
            op.execute(
                f"CREATE TRIGGER decisions_refuse_{name} BEFORE {change} "
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION decisions_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF TG_OP = 'DELETE' THEN IF NOT {_HAS_ITS_LEAD} "
        f"THEN RETURN OLD; END IF; END IF; RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    # `emasai db upgrade` reads from the first one what the application may change.
    for name, change in (
        ("change", f"UPDATE OF {_FIXED} OR DELETE ON decisions FOR EACH ROW"),
        ("basis", f"UPDATE OF basis ON decisions FOR EACH ROW WHEN ({_IS_REWRITTEN})"),
        ("truncate", "TRUNCATE ON decisions FOR EACH STATEMENT"),
    ):
        op.execute(
            f"CREATE TRIGGER decisions_refuse_{name} BEFORE {change} "
            "EXECUTE FUNCTION decisions_refuse_change()"
        )


def downgrade() -> None:
    """Drop the triggers."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name in ("update", "basis", "delete") if is_sqlite else ("change", "basis", "truncate"):
        op.execute(f"DROP TRIGGER decisions_refuse_{name}" + ("" if is_sqlite else " ON decisions"))
    if not is_sqlite:
        op.execute("DROP FUNCTION decisions_refuse_change")
