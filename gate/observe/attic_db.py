"""Attic's database, read-only: PostgreSQL by psycopg, SQLite by Python's own module.

Each question is a short transaction that can't write: ``READ ONLY`` of PostgreSQL, ``mode=ro`` of SQLite. A password is
libpq's to find (``PGPASSFILE``, ``PGPASSWORD``), and never in a URL, which would stand in a list of processes. SQLite's
``immutable=1`` is never used: Attic runs with a write-ahead log, which such a reader does not see.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from urllib.parse import unquote, urlsplit

from gate import limits
from gate.errors import InconclusiveError, RefusedError
from gate.model.audit import SCHEMA_REVISION
from gate.parse.text import excerpt

if TYPE_CHECKING:
    import psycopg

Row = tuple[Any, ...]
# The columns that the audit reads, by table (attic b7c9056 server/src/database/entity).
_COLUMNS: Final = {
    "cache": "id, name, deleted_at",
    "object": "id, cache_id, nar_id, store_path_hash, store_path, created_at, created_by",
    "nar": "id, state, nar_hash, nar_size, num_chunks",
    "chunkref": "id, nar_id, seq, chunk_id",
    "chunk": "id, state, chunk_hash, chunk_size, file_hash, file_size, remote_file, remote_file_id",
}


class AtticDatabase(Protocol):
    """An open database. ``schema_revision`` is the newest of its migrations."""

    kind: Literal["postgresql", "sqlite"]
    schema_revision: str
    keypair_readable: bool

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows of one SELECT in one transaction; each ``?`` takes a value.

        Raises `InconclusiveError` when the database does not answer, or answers with an error.
        """
        ...

    def snapshot(self, questions: Sequence[tuple[str, Sequence[object]]]) -> list[list[Row]]:
        """The rows of several SELECTs that see the database at one moment; errors as `ask`."""
        ...


@contextmanager
def open_database(url: str) -> Iterator[AtticDatabase]:
    """``postgresql://[user@]host[:port]/name`` or ``sqlite:///path``, or the path of a SQLite file.

    Raises `RefusedError` for a URL of another form, a password in it, and a schema that this gate does not know;
    `InconclusiveError` when the database can't be read.
    """
    parts = urlsplit(url)
    if parts.scheme in ("postgresql", "postgres"):
        if parts.password is not None or "password" in parts.query.lower():
            raise RefusedError("the database's URL has a password: put it into a file that PGPASSFILE names")
        with _open_postgres(url) as database:
            yield _checked(database)
        return
    if parts.scheme not in ("sqlite", ""):
        raise RefusedError(
            f"the database {excerpt(parts.scheme + ':')} is of no known kind: give postgresql://… or sqlite:///path"
        )
    file = Path(unquote(parts.path)) if parts.scheme else Path(url)
    with closing(_open_sqlite(file)) as connection:
        yield _checked(_Sqlite(connection))


def _checked(database: "_Sqlite | _Postgres") -> AtticDatabase:
    """The same database, its schema known and its rights looked at."""
    try:
        rows = database.ask("SELECT max(version), count(*) FROM seaql_migrations")
    except InconclusiveError as error:
        raise RefusedError(
            f"the database's schema can't be read ({error}): give Attic's own database, and GRANT SELECT ON "
            "seaql_migrations to the role"
        ) from None
    revision = str(rows[0][0])
    if revision != SCHEMA_REVISION:
        raise RefusedError(
            f"the database's schema is {excerpt(revision)}: expected {SCHEMA_REVISION}, the only one that this version "
            "knows; update the gate or Attic"
        )
    for table, columns in _COLUMNS.items():
        try:
            database.ask(f"SELECT {columns} FROM {table} LIMIT 0")  # noqa: S608  # names of this module's table alone
        except InconclusiveError as error:
            raise RefusedError(f"the role can't read {table} ({error}): see docs/audit.md for its rights") from None
    database.schema_revision = revision
    with suppress(InconclusiveError):
        database.ask("SELECT keypair FROM cache LIMIT 0")
        database.keypair_readable = True
    return database


class _Sqlite:
    """A SQLite file."""

    kind: Literal["postgresql", "sqlite"] = "sqlite"
    schema_revision = ""
    keypair_readable = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """See `AtticDatabase`."""
        return self.snapshot([(statement, values)])[0]

    def snapshot(self, questions: Sequence[tuple[str, Sequence[object]]]) -> list[list[Row]]:
        """See `AtticDatabase`."""
        try:
            self._connection.execute("BEGIN")
            try:
                return [self._connection.execute(text, values).fetchall() for text, values in questions]
            finally:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise InconclusiveError(f"the database does not answer ({excerpt(str(error))}): see its file") from None


def _open_sqlite(file: Path) -> sqlite3.Connection:
    if not file.is_file():
        raise RefusedError(f"the database {file} is no file: give Attic's SQLite file, or postgresql://…")
    try:
        return sqlite3.connect(
            f"{file.resolve().as_uri()}?mode=ro",
            uri=True,
            timeout=limits.DATABASE_SECONDS,
            isolation_level=None,
        )
    except sqlite3.Error as error:
        raise InconclusiveError(f"the database {file} can't be opened ({error}): see its rights") from None


class _Postgres:
    """A PostgreSQL connection."""

    kind: Literal["postgresql", "sqlite"] = "postgresql"
    schema_revision = ""
    keypair_readable = False

    def __init__(self, connection: "psycopg.Connection[Row]") -> None:
        self._connection = connection

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """See `AtticDatabase`."""
        return self.snapshot([(statement, values)])[0]

    def snapshot(self, questions: Sequence[tuple[str, Sequence[object]]]) -> list[list[Row]]:
        """See `AtticDatabase`."""
        import psycopg  # noqa: PLC0415  # an extra, and needed only here

        try:
            with self._connection.transaction():
                return [
                    self._connection.execute(text.replace("?", "%s").encode(), values).fetchall()
                    for text, values in questions
                ]
        except psycopg.Error as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InconclusiveError(f"the database does not answer ({excerpt(first)}): see its log") from None


@contextmanager
def _open_postgres(url: str) -> Iterator[_Postgres]:
    try:
        import psycopg  # noqa: PLC0415  # an extra, and needed only here
    except ImportError:
        raise RefusedError("a PostgreSQL database needs psycopg: pip install 'publication-gate[attic-db]'") from None
    try:
        connection = psycopg.connect(
            url,
            connect_timeout=round(limits.CONNECT_SECONDS),
            client_encoding="utf8",
            application_name="publication-gate audit",
            options=f"-c statement_timeout={round(limits.DATABASE_SECONDS * 1000)} -c lock_timeout=5000",
        )
    except psycopg.Error as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InconclusiveError(f"the database can't be opened ({excerpt(first)}): see its URL and rights") from None
    with closing(connection):
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield _Postgres(connection)
