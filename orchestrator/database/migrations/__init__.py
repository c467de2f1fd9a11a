"""Alembic's folder: the environment and the revisions, run by `orchestrator.database.migrate`."""
