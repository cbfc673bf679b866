"""The pages and the examples are right: their YAML passes `check`, their SQL and Python run, their commands exist."""

import asyncio
import re
import shlex
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from pronubes.cases.read import read_cases_text
from pronubes.cli import main
from pronubes.cli.entry import COMMANDS, make_parser
from pronubes.cli.exit_codes import ExitCode
from pronubes.config.compile import compile_router, refuse_errors
from pronubes.config.load import load_values
from pronubes.connectors.base import ConnectorContext
from pronubes.connectors.sqlite import SqliteOptions, SqliteSink
from pronubes.contracts.engine import engine_problems
from pronubes.contracts.folder import read_contract_text
from pronubes.testing import ListBatch

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted(
    {
        *(path for path in (ROOT / "examples").rglob("*.yaml") if not path.stem.isdecimal() and path.parent.name != "tests"),
        ROOT / "examples" / "bottling-line" / "pronubes.yaml",
    }
)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)")
PROTO = next(text for name, text in FENCE.findall((ROOT / "docs/how-to/codecs.md").read_text(encoding="utf-8")) if name == "proto")
TAGS = "tag,table,address,type\nt1,holding,1,int16\n"
RUN = ("check", "explain", "contract")
"""The commands that need nothing but the page's configuration; of the others the arguments are checked."""


def blocks(language: str) -> list[Any]:  # Any: pytest's parameters
    found = []
    for page in PAGES:
        fences = FENCE.findall(page.read_text(encoding="utf-8"))
        texts = [text for name, text in fences if name == language]
        found += [pytest.param(text, id=f"{page.relative_to(ROOT)}:{number}") for number, text in enumerate(texts, 1)]
    assert found
    return found


def write_configuration(text: str, folder: Path) -> Path:
    path = folder / "pronubes.yaml"
    path.write_text(text, encoding="utf-8")
    for source in (yaml.safe_load(text).get("sources") or {}).values():
        if "tags" in source and source["type"] == "modbus":
            tags = folder / source["tags"]
            tags.parent.mkdir(parents=True, exist_ok=True)
            slow = TAGS.replace("type\n", "type,group\n").replace("int16\n", f"int16,{next(iter(source.get('poll', {'default': 1})))}\n")
            tags.write_text(slow, encoding="utf-8")
        names = source.get("names")
        if names is not None:
            table = folder / (names if isinstance(names, str) else names["table"])
            table.parent.mkdir(parents=True, exist_ok=True)
            table.write_text("tag,topic,contract\nt1,acme/t1,measurement@1\n", encoding="utf-8")
    for lookup in (yaml.safe_load(text).get("tables") or {}).values():
        (folder / lookup["path"]).write_text("tag,area,max_limit,is_critical\nP-101,filling,80.5,yes\n", encoding="utf-8")
    if "plant.proto" in text:
        (folder / "plant.proto").write_text(PROTO, encoding="utf-8")
    for instance in yaml.safe_load(text).get("instances") or ():
        if "table" in instance:
            parameters = yaml.safe_load(text)["templates"][instance["template"]]["parameters"]
            required = [name for name, parameter in parameters.items() if "default" not in parameter]
            (folder / instance["table"]).write_text(f"{','.join(required)}\n{','.join('x' for _ in required)}\n", encoding="utf-8")
    return path


def write_contracts(pages: Sequence[Path], folder: Path) -> None:
    """Write the contracts of pages into `contracts/`; of a version that stands twice the first counts."""
    for page in pages:
        for name, text in FENCE.findall(page.read_text(encoding="utf-8")):
            if name == "yaml" and text.startswith("contract:"):
                values = yaml.safe_load(text)
                path = folder / "contracts" / values["contract"] / f"{values['version']}.yaml"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(path.read_text(encoding="utf-8") if path.exists() else text, encoding="utf-8")


def cases_with_configurations() -> list[Any]:  # Any: pytest's parameters
    """List blocks of cases with the whole configuration above them, of pages whose cases are about it."""
    found = []
    for name in ("stateful-steps",):
        above, number = "", 0
        for language, text in FENCE.findall((ROOT / "docs" / "how-to" / f"{name}.md").read_text(encoding="utf-8")):
            if language == "yaml" and text.startswith("version: 1"):
                above = text
            elif language == "yaml" and text.startswith("cases:"):
                number += 1
                found.append(pytest.param(above, text, id=f"{name}:{number}"))
    assert found
    return found


@pytest.mark.parametrize(("configuration", "cases"), cases_with_configurations())
def test_the_cases_of_a_page_pass(configuration: str, cases: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_configuration(configuration, tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "page.yaml").write_text(cases, encoding="utf-8")
    assert main(["test", str(path)]) == ExitCode.OK, capsys.readouterr().out


@pytest.mark.parametrize("text", blocks("yaml"))
def test_yaml_passes_check(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if text.startswith("contract:"):
        assert engine_problems(read_contract_text(text)) == []
        return
    if re.search(r"^cases:", text, re.MULTILINE):
        read_cases_text(text, {"enterprise": "acme", "site": "cologne"})
        return
    if "contracts:" in text:
        write_contracts(PAGES, tmp_path)
    if text.startswith("version: 1"):
        code = main(["check", str(write_configuration(text, tmp_path))])
        assert code == ExitCode.OK, capsys.readouterr().err
        return
    write_configuration(text, tmp_path)
    refuse_errors(compile_router(load_values(_completed(yaml.safe_load(text)), base_dir=tmp_path)))


def _completed(part: dict[str, Any]) -> dict[str, Any]:  # Any: what YAML holds
    """Add to a part of a configuration what it leaves out."""
    routes = part.get("routes") or {"all": {"filter": "#", "to": list(part.get("sinks") or {"screen": {}})}}
    targets = [target if isinstance(target, str) else target["sink"] for route in routes.values() for target in _list(route["to"])]
    sinks = {name: {"type": "stdout"} for name in targets} | (part.get("sinks") or {})
    return {"version": 1, "name": "n", "sources": {"made": {"type": "generator"}}, **part, "sinks": sinks, "routes": routes}


def _list(value: Any) -> list[Any]:  # Any: what YAML holds
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_example_passes_check(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(path)]) == ExitCode.OK, capsys.readouterr().err


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_cases_of_an_example_pass(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(path)]) == ExitCode.OK, capsys.readouterr().out


@pytest.fixture
def history(tmp_path: Path, context: ConnectorContext) -> sqlite3.Connection:
    messages = [
        ("acme/cologne/line1/temperature", b'{"value": 20.5, "timestamp_ms": 1732270000000, "quality": "GOOD", "unit": "Cel", "hot": true}'),
        ("acme/cologne/line1/temperature", b'{"value": 22.5, "timestamp_ms": 1732270300000, "quality": "GOOD", "unit": "Cel"}'),
        ("acme/cologne/line2/state", b'{"value": "RUNNING", "timestamp_ms": 1732270000000}'),
    ]

    async def fill() -> None:
        sink = SqliteSink(SqliteOptions(path="history.db"), context)
        await sink.open()
        await sink.write(ListBatch(messages))
        await sink.close()

    asyncio.run(fill())
    return sqlite3.connect(tmp_path / "history.db")


@pytest.mark.parametrize("text", blocks("sql"))
def test_sql_runs_on_the_table_of_the_sink(text: str, history: sqlite3.Connection) -> None:
    try:
        cursor = history.execute(text)
        count = len(cursor.fetchall()) if cursor.description else cursor.rowcount
    finally:
        history.close()
    assert count > 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist_and_those_without_io_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fences = FENCE.findall(page.read_text(encoding="utf-8"))
    for text in [text for name, text in fences if name == "yaml" and text.startswith("version: 1")][:1]:
        write_configuration(text, tmp_path)
    write_contracts([page], tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRONUBES_CONFIG", raising=False)
    codes = {}
    for line in "".join(text for name, text in fences if name == "console").splitlines():
        command = line.partition("  #")[0]
        begin = command.find("pronubes ")
        words = shlex.split(command[begin:]) if begin >= 0 else []
        if words[:1] == ["pronubes"]:
            assert words[1] in COMMANDS
            make_parser(words[1]).parse_args(words[1:])
            if words[1] in RUN and words[-1] != "-" and "--url" not in words:
                codes[line] = main(words[1:])
    assert set(codes.values()) <= {ExitCode.OK}, codes


def test_the_hooks_of_the_page_do_what_it_says() -> None:
    names: dict[str, Any] = {}  # Any: what the page defines
    for name, text in FENCE.findall((ROOT / "docs" / "how-to" / "python-hooks.md").read_text(encoding="utf-8")):
        if name == "python":
            exec(compile(text, "python-hooks.md", "exec"), names)  # the page's own code and assertions
    assert {"share", "label"} <= names.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
