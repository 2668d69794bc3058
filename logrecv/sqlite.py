"""
The schema of an SQLite database, compared with the schema that it should have.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from functools import lru_cache

#: A comment in SQL.
_COMMENT = re.compile(r"--[^\n]*")


def schemaOf(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    """
    Read the schema of a database: the kind, name, table and definition of each part,
    without comments.

    @raise sqlite3.DatabaseError: The schema cannot be read.
    """
    rows = connection.execute(
        "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master "
        "WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name"
    )
    return [
        (kind, name, table, " ".join(_COMMENT.sub("", definition).split()))
        for kind, name, table, definition in rows
    ]


@lru_cache
def schemaFrom(script: str) -> list[tuple[str, ...]]:
    """
    Make the schema that a script makes: see L{schemaOf}.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script)
        return schemaOf(connection)
