"""
Tests for L{logrecv.sqlite}.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from logrecv.sqlite import schemaFrom, schemaOf


class SchemaTests(SynchronousTestCase):
    """
    L{schemaOf} and L{schemaFrom}.
    """

    def test_equal(self) -> None:
        """
        Comments, space and rows make no difference.
        """
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE TABLE a (b TEXT, -- the first\n c INTEGER)")
            connection.execute("INSERT INTO a VALUES ('x', 1)")
            script = "CREATE TABLE a (b TEXT,   c INTEGER)"
            self.assertEqual(schemaOf(connection), schemaFrom(script))

    def test_different(self) -> None:
        """
        Another type, name or table does.
        """
        schemas = [
            schemaFrom(script)
            for script in (
                "",
                "CREATE TABLE a (b INTEGER PRIMARY KEY)",
                "CREATE TABLE a (b INTEFER PRIMARY KEY)",
                "CREATE TABLE c (b INTEGER PRIMARY KEY)",
                "CREATE TABLE a (b INTEGER PRIMARY KEY); CREATE INDEX i ON a (b)",
            )
        ]
        for index, schema in enumerate(schemas):
            self.assertNotIn(schema, schemas[:index])
