"""Run by Alembic: migrate on the connection that store/schema.py hands over, in its transaction."""

from alembic import context

from releasd.store.tables import metadata

if context.is_offline_mode():
    context.configure(dialect_name=context.get_x_argument(as_dictionary=True)["dialect"], target_metadata=metadata)
else:
    context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
