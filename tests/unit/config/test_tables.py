"""Tables in a configuration: what `check` finds before anything runs, and that the vectors hold with what files say."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from pronubes import Router
from pronubes.config.load import load_text
from pronubes.errors import ConfigurationError

VECTORS = orjson.loads((Path(__file__).parents[2] / "vectors/steps/lookup.json").read_bytes())
TYPES = {"max_limit": "number", "count": "integer", "is_critical": "boolean"}
HEAD = 'version: 1\nname: n\nsources: {a: {type: ndjson, path: "-"}}\nsinks: {s: {type: stdout}}\n'
STEP = "{lookup: {key: tag, table: assets, into: {area: area}}}"


def findings(folder: Path, tables: str, steps: str = STEP) -> list[str]:
    text = f"{HEAD}tables: {tables}\nroutes:\n  r:\n    filter: x\n    steps: [{steps}]\n    to: s\n"
    with pytest.raises(ConfigurationError) as caught:
        router_of(text, folder)
    return [str(one) for one in caught.value.diagnostics]


def router_of(text: str, folder: Path) -> Router:
    from pronubes.config.compile import compile_router

    return Router(compile_router(load_text(text, file="n.yaml", base_dir=folder)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets.csv").write_text("tag,area,max_limit\nP-101,filling,80.5\nP-102,packing,high\n", encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "plant.db")) as database:
        database.execute("CREATE TABLE assets (tag, area)")
        database.execute("INSERT INTO assets VALUES ('P-101', 'filling')")
        database.commit()
    return tmp_path


@pytest.mark.parametrize(
    ("tables", "steps", "expected"),
    [
        ("{assets: {path: asset.csv, key: tag}}", STEP, ["asset.csv: error: The table cannot be read: no such file or directory."]),
        ("{assets: {path: gone.db, key: tag, table: t}}", STEP, ["gone.db: error: There is no such file."]),
        (
            "{assets: {path: plant.db, key: tag, table: asset}}",
            STEP,
            ["plant.db: error: The database has no table `asset`.", "did you mean `assets`"],
        ),
        ("{assets: {path: plant.db, key: tag}}", STEP, ["plant.db: error: The file is an SQLite database."]),
        ("{assets: {path: assets.csv, key: tga}}", STEP, ["n.yaml:5:", "error: The table has no column `tga`.", "`tag`"]),
        (
            "{assets: {path: assets.csv, key: tag, types: {limit: number}}}",
            STEP,
            ["n.yaml:5:", "error: The table has no column `limit`.", "`max_limit`"],
        ),
        (
            "{assets: {path: assets.csv, key: tag}}",
            "{lookup: {key: tag, table: assets, into: {a: aera}}}",
            ["n.yaml:9:", "error: The table `assets` has no column `aera`.", "`area`"],
        ),
        (
            "{assets: {path: assets.csv, key: tag}}",
            "{lookup: {key: tag, table: asset, into: {a: area}}}",
            ["n.yaml:9:", "error: There is no such table.", "`assets`"],
        ),
        (
            "{assets: {path: assets.csv, key: tag, types: {max_limit: number}}}",
            "{lookup: {key: tag, table: assets, into: {a: max_limit}}}",
            ["assets.csv:3:1: error: `max_limit` cannot be read.", "high", "a number"],
        ),
        ("{assets: {path: plant.db, key: tag, table: a, query: SELECT 1}}", STEP, ["n.yaml:5:", "error: A table is either a table or a query."]),
        ("{assets: {path: plant.db, key: tag, table: a, sheet: b}}", STEP, ["n.yaml:5:", "error: A database has no sheets."]),
        (
            "{assets: {path: assets.csv, key: tag}}",
            "{lookup: {key: tag, table: assets, into: {a: area}, default: {a: 1}, missing: pass}}",
            ["error: The step says twice what becomes of a key that is not in the table."],
        ),
    ],
)
def test_check_finds_what_is_missing(folder: Path, tables: str, steps: str, expected: list[str]) -> None:
    found = findings(folder, tables, steps)
    assert len(found) == 1
    assert all(part.lower() in found[0].lower() for part in expected), found


def test_a_column_that_no_step_uses_may_hold_anything(folder: Path) -> None:
    tables = "tables: {assets: {path: assets.csv, key: tag, types: {max_limit: number}}}"
    text = f"{HEAD}{tables}\nroutes: {{r: {{filter: x, steps: [{STEP}], to: s}}}}\n"
    (outcome,) = router_of(text, folder).route("a", [("x", b'{"tag":"P-102"}')], now_ns=0)
    assert outcome.payload == b'{"tag":"P-102","area":"packing"}'


def _csv(folder: Path, name: str, table: dict[str, Any]) -> dict[str, Any]:
    def written(value: object) -> object:
        return {True: "true", False: "false"}[value] if isinstance(value, bool) else value

    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        rows = [(key, *map(written, values)) for key, values in zip(table["keys"], table["values"], strict=True) if key]
        csv.writer(file).writerows([("id", *table["columns"]), *rows])
    return {"path": name, "key": "id", "types": TYPES}


def _database(folder: Path, name: str, table: dict[str, Any]) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / name)) as database:
        database.execute(f"CREATE TABLE t (id, {', '.join(table['columns'])})")
        rows = [
            (key, *(str(value) if isinstance(value, int) and value >= 2**63 else value for value in values))
            for key, values in zip(table["keys"], table["values"], strict=True)
            if key
        ]
        database.executemany(f"INSERT INTO t VALUES ({', '.join('?' for _ in range(len(table['columns']) + 1))})", rows)
        database.commit()
    return {"path": name, "key": "id", "table": "t", "types": TYPES}


CASES = [case for case in VECTORS["cases"] if "error" not in case and "nothing" not in orjson.dumps(case["steps"]).decode()]


@pytest.mark.parametrize("make", [_csv, _database])
def test_the_vectors_hold_with_what_files_say(tmp_path: Path, make: Any) -> None:
    options = make(tmp_path, "assets", VECTORS["tables"]["assets"])
    for case in CASES:
        if case["name"] == "an empty text" or ("values of every kind" in case["name"] and make is _csv):
            continue  # a file has no empty key, and an empty cell of a text is an empty text
        route = {"filter": "a/{tag}", "steps": case["steps"], "to": "s"} | ({"topic": case["topic"]} if "topic" in case else {})
        values = {
            "version": 1,
            "name": "n",
            "sources": {"a": {"type": "ndjson", "path": "-"}},
            "sinks": {"s": {"type": "stdout"}},
            "tables": {"assets": options},
            "routes": {"r": route},
        }
        outcomes = Router.from_dict(values, base_dir=tmp_path).route("a", [("a/b", case["input"].encode())], now_ns=0)
        if "reason" in case:
            assert [outcome.reason for outcome in outcomes] == [case["reason"]], case["name"]
        else:
            assert [outcome.payload.decode() for outcome in outcomes] == case["output"], case["name"]
