"""Run by Alembic: migrate on the connection that store/schema.py hands over, in its transaction."""

from alembic import context

from releasd.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
