"""The database: tables, hot statements, migrations, and the embedded server."""
