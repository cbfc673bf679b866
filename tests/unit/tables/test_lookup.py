"""Lookup tables: a table is right as a whole or refused as a whole, and the step finds what a dictionary would."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronubes import Router
from pronubes.tables import database, reader
from pronubes.tables.lookup import LookupFile, document, read_lookup, signature
from pronubes.tables.reader import TableProblem

TYPES = {"limit": "number", "count": "integer", "on": "boolean"}
HEAD = "tag,area,limit,count,on\n"


def source_of(path: Path, **others: Any) -> LookupFile:
    return LookupFile(path, path.name, "tag", TYPES, **others)  # type: ignore[arg-type]  # literals


def csv_of(tmp_path: Path, text: str | bytes) -> LookupFile:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return source_of(path)


def database_of(tmp_path: Path, *statements: str, table: str | None = "t", query: str | None = None) -> LookupFile:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return source_of(path, table=None if query else table, query=query)


def rows_of(source: LookupFile, *columns: str) -> list[list[Any]]:
    found = orjson.loads(document(source, read_lookup(source), columns))
    assert found["columns"] == list(columns)
    return [[key, line, *values] for key, line, values in zip(found["keys"], found["lines"], found["values"], strict=True)]


def problem_of(source: LookupFile, *columns: str) -> TableProblem:
    with pytest.raises(TableProblem) as caught:
        rows_of(source, *columns)
    return caught.value


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ("P-101,filling,80.5,7,yes", ["filling", 80.5, 7, True]),
        ("P-101, filling ,100, -7 ,FALSE", [" filling ", 100, -7, False]),
        ("P-101,,,,", ["", None, None, None]),
        ('P-101,"a, ""b""",1e3,18446744073709551615,0', ['a, "b"', 1000.0, 2**64 - 1, False]),
        ("P-101,x,12345678901234567890,+1,1", ["x", 12345678901234567890.0, 1, True]),
    ],
)
def test_cells_are_read_as_their_types_say(tmp_path: Path, row: str, values: list[Any]) -> None:
    assert rows_of(csv_of(tmp_path, HEAD + row), "area", "limit", "count", "on") == [["P-101", 2, *values]]


def test_decimal_commas_are_numbers_where_semicolons_separate(tmp_path: Path) -> None:
    assert rows_of(csv_of(tmp_path, "tag;limit\n a ;1,5\n# comment\n42;2.5\n"), "limit") == [["a", 2, 1.5], ["42", 4, 2.5]]
    assert problem_of(csv_of(tmp_path, 'tag,limit\na,"1,5"\n'), "limit").found == "1,5"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (HEAD + "a,x,1,2,yes\nb,x,1,2\n", "The row has 4 cells, the first row has 5.", 3),
        (HEAD + "a,x,1,2,yes,more\n", "The row has 6 cells, the first row has 5.", 2),
        (HEAD + "a,x,1,2,yes\na,x,1,2,yes\n", "The key `a` stands twice: in the row of line 2 and in this one.", 3),
        (HEAD + " ,x,1,2,yes\n", "The row has no key: `tag` is empty.", 2),
        (HEAD + "a,x,high,2,yes\n", "`limit` cannot be read.", 2),
        (HEAD + "a,x,nan,2,yes\n", "`limit` cannot be read.", 2),
        (HEAD + "a,x,1e999,2,yes\n", "`limit` cannot be read.", 2),
        (HEAD + "a,x,1,2.5,yes\n", "`count` cannot be read.", 2),
        (HEAD + "a,x,1,18446744073709551616,yes\n", "`count` cannot be read.", 2),
        (HEAD + "a,x,1,2,perhaps\n", "`on` cannot be read.", 2),
        (HEAD, "The table has no row.", None),
        ("", "The table is empty.", None),
        ("key,area,limit,count,on\na,x,1,2,yes\n", "The table has no column `tag`.", 1),
        ("tag,area,limit,count\na,x,1,2\n", "The table has no column `on`.", 1),
        ("tag,area,area,limit,count,on\na,x,y,1,2,yes\n", "The column `area` stands 2 times.", 1),
        (HEAD + 'a,"x,1,2,yes\n', "A quote is never closed.", 2),
        (b"tag,area\na,\xff\n", "Line 2 is not UTF-8.", 2),
        (database.MAGIC + b"\0" * 100, "The file is an SQLite database.", None),
    ],
)
def test_a_table_that_is_not_whole_is_refused(tmp_path: Path, text: str | bytes, message: str, line: int | None) -> None:
    problem = problem_of(csv_of(tmp_path, text), "area", "limit", "count", "on")
    assert (str(problem), problem.line) == (message, line)


def test_the_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"INSERT INTO t VALUES ('{number}', 'x')" for number in range(4)]
    sources = [csv_of(tmp_path, "tag,area\n" + "\n".join(f"{number},x" for number in range(4)))]
    sources.append(database_of(tmp_path, "CREATE TABLE t (tag, area)", *rows))
    monkeypatch.setattr(reader, "MAX_ROWS", 3)
    assert [str(problem_of(source, "area")) for source in sources] == ["The table has more than 3 rows."] * 2
    monkeypatch.setattr(reader, "MAX_ROWS", 4)
    assert [len(rows_of(source, "area")) for source in sources] == [4, 4]
    monkeypatch.setattr(reader, "TABLE_BYTES", 2**20)
    (tmp_path / "t.csv").write_bytes(b"x" * (2**20 + 1))
    assert str(problem_of(sources[0], "area")) == "The table is larger than 1 MiB."
    monkeypatch.setattr(database, "TABLE_BYTES", 7)
    assert str(problem_of(sources[1], "area")).startswith("The texts of the table are larger")


def test_a_table_of_a_database_keeps_its_types(tmp_path: Path) -> None:
    source = database_of(
        tmp_path,
        "CREATE TABLE t (tag, area, 'limit', count, 'on')",
        "INSERT INTO t VALUES ('a', 'x', 1.5, 7, 1), (42, NULL, 2, NULL, 0), (7.0, 5, NULL, 3.0, 'true')",
    )
    assert rows_of(source, "area", "limit", "count", "on") == [
        ["a", 1, "x", 1.5, 7, True],
        ["42", 2, None, 2, None, False],
        ["7", 3, 5, None, 3, True],
    ]


def test_a_query_stands_for_a_table(tmp_path: Path) -> None:
    statements = ("CREATE TABLE s (id, place)", "INSERT INTO s VALUES ('a', 'x'), ('b', 'y')")
    source = database_of(tmp_path, *statements, query="SELECT id AS tag, upper(place) AS area FROM s ORDER BY id DESC")
    assert rows_of(source, "area") == [["b", 1, "Y"], ["a", 2, "X"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": "u"}, "The database has no table `u`."),
        ({"query": "SELECT nothing FROM t"}, "The database cannot be read."),
        ({"query": "DELETE FROM t"}, "The query would write."),
        ({"query": "SELECT x'00' AS tag, 1 AS area"}, "`tag` is no key."),
        ({"query": "SELECT 1.5 AS tag, 1 AS area"}, "`tag` is no key."),
        ({"query": "SELECT 'a' AS tag, x'00' AS area"}, "`area` cannot be read."),
        ({"query": "SELECT 'a' AS tag, 9e999 AS area"}, "`area` cannot be read."),
        ({"query": "SELECT 1 AS tag, 1 AS area WHERE 0"}, "The table has no row."),
        ({"query": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) AS tag FROM n"}, "The query takes longer than"),
    ],
)
def test_a_database_that_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], message: str) -> None:
    monkeypatch.setattr(database, "QUERY_S", 0.2)
    source = database_of(tmp_path, "CREATE TABLE t (tag, area)", "INSERT INTO t VALUES ('a', 'x')", **options)  # type: ignore[arg-type]  # texts
    assert str(problem_of(source, "area")).startswith(message)
    assert sqlite3.connect(source.path).execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_files_that_are_no_databases_are_refused(tmp_path: Path) -> None:
    found = {}
    for name, content in (("torn", database.MAGIC + b"\0" * 3000), ("text", b"tag,area\n" * 500), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        found[name] = str(problem_of(source_of(tmp_path / name, table="t"), "area"))
    found["gone"] = str(problem_of(source_of(tmp_path / "gone", table="t"), "area"))
    assert found == {
        "torn": "The database is damaged.",
        "text": "The database is damaged.",
        "empty": "The database has no table `t`.",
        "gone": "There is no such file.",
    }


def test_a_database_that_writes_ahead_changes_its_signature(tmp_path: Path) -> None:
    source = database_of(tmp_path, "PRAGMA journal_mode=WAL", "CREATE TABLE t (tag, area)", "INSERT INTO t VALUES ('a', 'x')")
    with closing(sqlite3.connect(source.path)) as writer:
        writer.execute("SELECT * FROM t").fetchall()
        before = signature(source)
        writer.execute("INSERT INTO t VALUES ('b', 'y')")
        writer.commit()
        assert signature(source) != before
        assert rows_of(source, "area") == [["a", 1, "x"], ["b", 2, "y"]]


# What a dictionary would find

KEYS = st.sampled_from(["a", "A", "42", "042", "-7", "true", "größe", 'q"x', "18446744073709551615", " "]) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=4
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
NUMBERS = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
SOUGHT = st.text(max_size=3) | KEYS | st.integers(-(2**63), 2**64 - 1) | st.sampled_from([42, 42.0, 42.5, -7.0, True, False, None])


def text_of_key(value: object) -> str | None:
    """The key that a value is looked up by, said once more and simply."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else None
    return None if value is None else str(value)


@settings(max_examples=120, deadline=None)
@given(
    table=st.dictionaries(KEYS.filter(lambda key: key.strip() == key and not key.startswith("#")), st.tuples(TEXTS, NUMBERS), min_size=1, max_size=8),
    sought=st.lists(SOUGHT, min_size=1, max_size=12),
    is_database=st.booleans(),
)
def test_the_step_finds_what_a_dictionary_would(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, tuple[str, int | float]], sought: list[object], *, is_database: bool
) -> None:
    folder = tmp_path_factory.mktemp("lookup")
    options: dict[str, Any] = {"path": "t", "key": "k", "types": {"n": "number"}}
    if is_database:
        options["table"] = "t"
        with closing(sqlite3.connect(folder / "t")) as connection:
            connection.execute("CREATE TABLE t (k, s, n)")
            connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [(key, *values) for key, values in table.items()])
            connection.commit()
    else:
        written = io.StringIO(newline="")
        csv.writer(written).writerows([("k", "s", "n"), *((key, text, repr(number)) for key, (text, number) in table.items())])
        (folder / "t").write_text(written.getvalue(), encoding="utf-8", newline="")
    step = {"lookup": {"key": "id", "table": "t", "into": {"text": "s", "number": "n"}}}
    router = Router.from_dict(
        {
            "version": 1,
            "name": "n",
            "sources": {"a": {"type": "ndjson", "path": "-"}},
            "sinks": {"s": {"type": "stdout"}},
            "tables": {"t": options},
            "routes": {"r": {"filter": "#", "steps": [step], "to": "s"}},
        },
        base_dir=folder,
    )
    outcomes = router.route("a", [("x", json.dumps({"id": value}).encode()) for value in sought], now_ns=0)
    for value, outcome in zip(sought, outcomes, strict=True):
        key = text_of_key(value)
        if key in table:
            found = json.loads(outcome.payload)
            assert (found["text"], float(found["number"])) == (table[key][0], float(table[key][1]))
        else:
            assert outcome.reason == "not_in_table"
    counts = router.stats()["tables"][0]
    assert counts["hits"] + counts["misses"] == len(sought)
