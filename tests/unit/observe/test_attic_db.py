"""Attic's database: what is refused before anything is read of it, and that nothing can be written."""

import sqlite3
from pathlib import Path

import pytest

from gate.errors import InconclusiveError, RefusedError
from gate.model.audit import SCHEMA_REVISION
from gate.observe.attic_db import open_database
from tests.helpers.attic_claims import SCHEMAS


def sqlite(folder: Path, revision: str = SCHEMA_REVISION) -> Path:
    file = folder / "attic.db"
    database = sqlite3.connect(file)
    database.executescript((SCHEMAS / "sqlite.sql").read_text())
    database.execute("INSERT INTO seaql_migrations VALUES (?, 1)", (revision,))
    database.commit()
    database.close()
    return file


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://attic:secret-word@db/attic", "has a password"),
        ("postgresql://db/attic?password=secret-word", "has a password"),
        ("mysql://db/attic", "no known kind"),
        ("/nowhere/attic.db", "is no file"),
    ],
)
def test_a_database_that_can_not_be_one_is_refused(url: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason) as error, open_database(url):
        pass
    assert "secret-word" not in str(error.value)


def test_no_answer_of_postgresql_is_inconclusive() -> None:
    with pytest.raises(InconclusiveError, match="can't be opened"), open_database("postgresql://127.0.0.1:1/attic"):
        pass


@pytest.mark.parametrize("revision", ["m20230112_000006_add_nar_completeness_hint", "m20990101_000001_new"])
def test_another_schema_is_refused(tmp_path: Path, revision: str) -> None:
    with pytest.raises(RefusedError, match=revision), open_database(str(sqlite(tmp_path, revision))):
        pass


def test_a_file_that_is_no_database_of_attics_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    sqlite3.connect(file).close()
    with pytest.raises(RefusedError, match="schema can't be read"), open_database(str(file)):
        pass
    file.write_bytes(b"no database at all, but long enough to be looked at" * 20)
    with pytest.raises(RefusedError, match="schema can't be read"), open_database(str(file)):
        pass


def test_nothing_can_be_written(tmp_path: Path) -> None:
    file = sqlite(tmp_path)
    with open_database(f"sqlite://{file}") as database, pytest.raises(InconclusiveError, match="readonly"):
        database.ask("DELETE FROM chunk")
