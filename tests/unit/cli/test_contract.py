"""`pronubes contract` as a person and as CI use it."""

import json
from pathlib import Path

import pytest

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode

ONE = "contract: a\nversion: {version}\nstate: {state}\nowner: team\npayload:\n  value: {{type: number, unit: bar, range: [0, {high}]}}\n"


def write(folder: Path, version: int, *, high: int = 10, state: str = "active") -> None:
    (folder / "a").mkdir(parents=True, exist_ok=True)
    (folder / "a" / f"{version}.yaml").write_text(ONE.format(version=version, high=high, state=state), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRONUBES_CONFIG", raising=False)
    write(tmp_path / "contracts", 1)
    return tmp_path / "contracts"


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["contract", *arguments])
    return code, capsys.readouterr().out


def test_list_and_show_tell_what_there_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = output(capsys, "list", "--json")
    (entry,) = json.loads(text)["contracts"]
    assert (code, entry["id"], entry["locked"], entry["owner"]) == (ExitCode.OK, "a@1", False, "team")
    code, text = output(capsys, "show", "a", "--json")
    shown = json.loads(text)
    assert (code, shown["meaning"]["payload"]["value"]["range"]) == (ExitCode.OK, [0, 10])
    assert shown["units"] == {"bar": {"dimension": [-1, 1, -2, 0, 0, 0, 0], "unece": "BAR", "opc_ua_id": 4342098}}
    assert output(capsys, "show", "a@1") == (ExitCode.OK, output(capsys, "show", "a")[1])
    assert output(capsys, "show", "a@2")[0] == ExitCode.USAGE


def test_the_folder_is_the_configuration_s(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder.parent / "site" / "ours", 7)
    (folder.parent / "site" / "pronubes.yaml").write_text("contracts: {folder: ours}\nrubbish: here\n", encoding="utf-8")
    _, text = output(capsys, "list", "--json", "-c", "site/pronubes.yaml")
    assert [entry["id"] for entry in json.loads(text)["contracts"]] == ["a@7"]


def test_lock_writes_once_and_refuses_edits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "lock", "--json")[0] == ExitCode.OK
    assert json.loads(output(capsys, "lock", "--json")[1])["locked"] == []
    write(folder, 1, high=9)
    assert [main(["contract", verb]) for verb in ("lock", "list")] == [ExitCode.CONFIGURATION, ExitCode.CONFIGURATION]


def test_versions_are_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, 2, high=20)
    code, text = output(capsys, "diff", "a@1", "a@2", "--json")
    answer = json.loads(text)
    assert (code, answer["major"], [change["text"] for change in answer["changes"]]) == (
        ExitCode.OK,
        True,
        ["`range` of `value` was [0,10], is [0,20]"],
    )
    assert "breaks readers" in output(capsys, "diff", str(folder / "a" / "1.yaml"), "a@2")[1]
    assert [main(["contract", "diff", *words]) for words in (["a@1"], ["a@1", "a@9"], ["a@1", str(folder)])] == [ExitCode.USAGE] * 3


@pytest.mark.parametrize(
    ("state", "new_high", "new_version", "code"),
    [
        ("active", 20, 1, ExitCode.FAILED),
        ("draft", 20, 1, ExitCode.OK),
        ("active", 20, 2, ExitCode.OK),
        ("active", 10, 1, ExitCode.OK),
    ],
)
def test_ci_fails_on_a_breaking_change_without_a_new_version(
    folder: Path, capsys: pytest.CaptureFixture[str], state: str, new_high: int, new_version: int, code: ExitCode
) -> None:
    old = folder.parent / "old"
    write(old, 1, state=state)
    write(folder, new_version, high=new_high)
    assert output(capsys, "diff", str(old), str(folder))[0] == code


def test_ci_fails_on_a_version_that_is_gone_or_differs_from_the_lock(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["contract", "lock"])
    against = ["diff", "--against", str(folder / "contracts.lock")]
    assert output(capsys, *against)[0] == ExitCode.OK
    write(folder, 1, high=11)
    code, text = output(capsys, *against, "--json")
    assert (code, json.loads(text)["broken"]) == (ExitCode.FAILED, True)
    (folder / "a" / "1.yaml").unlink()
    code, text = output(capsys, *against)
    assert (code, "a@1 is gone: BROKEN" in text) == (ExitCode.FAILED, True)
    assert output(capsys, "diff", "--against", "nothing.lock")[0] == ExitCode.CONFIGURATION


def test_a_schema_goes_out_and_comes_in_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = output(capsys, "export", "a@1")
    schema = json.loads(text)
    assert (code, schema["properties"]["value"]) == (ExitCode.OK, {"type": "number", "minimum": 0, "maximum": 10, "x-unit": "bar"})
    (folder.parent / "a.json").write_text(text, encoding="utf-8")
    code, text = output(capsys, "import", "a.json", "--version", "2", "--write")
    assert (code, "wrote" in text) == (ExitCode.OK, True)
    assert output(capsys, "diff", "a@1", "a@2") == (ExitCode.OK, "a@1 -> a@2: the same\n")
    assert output(capsys, "import", "a.json", "--write")[0] == ExitCode.USAGE


def test_what_a_contract_cannot_say_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder.parent / "a.json").write_text('{"properties": {"v": {"type": "number", "multipleOf": 5}}}', encoding="utf-8")
    assert main(["contract", "import", "a.json", "--name", "b"]) == ExitCode.OK
    streams = capsys.readouterr()
    assert streams.err == "note: `v`: `multipleOf` cannot be said in a contract: left out.\n"
    assert streams.out.splitlines()[1:] == [
        "contract: b",
        "version: 1",
        "payload:",
        "  v: {type: number, optional: true}",
        "extra: keep",
    ]


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"type": "string", "pattern": "(?=a)"}', '{"properties": {"v": {"type": "number", "x-unit": "kWh"}}}']
)
def test_what_is_no_schema_or_gives_no_contract_is_refused(folder: Path, content: str) -> None:
    (folder.parent / "a.json").write_text(content, encoding="utf-8")
    assert main(["contract", "import", "a.json"]) == ExitCode.CONFIGURATION


CONFIG = """\
version: 1
name: n
contracts: contracts
sources: {a: {type: ndjson, path: "-"}}
sinks: {s: {type: stdout}, t: {type: stdout}}
routes:
  one:
    filter: x
    expect: a@1
    where: payload.value > 5.0 && payload.valuesome == 1
    steps:
      - scale: {field: value, factor: 2}
      - rename: {value: reading}
      - compute: {hot: payload.reading > 3.0}
    to: [s, t]
  two: {filter: y, contract: a@1, to: s}
  three: {filter: z, contract: a@2, to: t}
"""


def test_a_difference_names_routes_sinks_and_expressions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, 2, high=20)
    (folder.parent / "pronubes.yaml").write_text(CONFIG, encoding="utf-8")
    uses = json.loads(output(capsys, "diff", "a@1", "a@2", "--json")[1])["uses"]
    named = ["routes.one.where", "routes.one.steps[0].scale.field", "routes.one.steps[1].rename.value"]
    assert uses == [
        {"route": "one", "role": "expect", "sinks": ["s", "t"], "fields": {"value": named}},
        {"route": "two", "role": "contract", "sinks": ["s"], "fields": {}},
    ]
    assert "route two promises a@1 and sends to s" in output(capsys, "diff", "a@1", "a@2")[1]
