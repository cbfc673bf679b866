"""What commands say about machines: how many there are, and where each value comes from."""

from pathlib import Path

import orjson
import pytest

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode

CONFIG = """\
version: 1
name: hall
sinks: {uns: {type: stdout}}
templates:
  machine:
    parameters: {plc: name, limit: {type: number, default: 80}}
    sources: {"plc_${plc}": {type: generator}}
    routes: {"r_${plc}": {from: "plc_${plc}", filter: "raw/${plc}/{tag}", where: "payload.value < ${limit}", to: uns}}
instances: [{template: machine, table: machines.csv}]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "hall.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    (tmp_path / "machines.csv").write_text("plc,limit\np1,12.5\np2,\n", encoding="utf-8")
    return path


def test_check_counts_machines(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(config)]) == ExitCode.OK
    assert capsys.readouterr().out.endswith(f"`{config}` is right: templates make 2 sources and 2 routes for 2 machines.\n")
    assert main(["check", str(config), "--json"]) == ExitCode.OK
    document = orjson.loads(capsys.readouterr().out)
    assert (document["templates"], document["machines"], document["routes"]) == (1, 2, 2)
    assert document["made"] == {"sources": 2, "sinks": 0, "routes": 2}


def test_check_shows_the_cell(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = config.parent / "machines.csv"
    table.write_text("plc,limit\np1,12.5\np2,hot\n", encoding="utf-8")
    assert main(["check", str(config)]) == ExitCode.CONFIGURATION
    assert capsys.readouterr().out.startswith(
        "error: `limit` has a value that it does not take.\n"
        f"  --> {table}:3:4 (row 3, column limit)\n"
        "   |\n"
        " 3 | p2,hot\n"
        "   |    ^^^\n"
        "   = expected: a number as in `80` or `80.5`\n"
    )


def test_check_names_the_machine_of_what_is_wrong_in_the_template(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(CONFIG.replace("payload.value <", "payload.value <<"), encoding="utf-8")
    assert main(["check", str(config), "--json"]) == ExitCode.CONFIGURATION
    (diagnostic,) = orjson.loads(capsys.readouterr().out)["diagnostics"]
    assert (diagnostic["line"], diagnostic["path"]) == (8, "routes.r_p1.where")
    assert diagnostic["machine"] == f"{config.parent / 'machines.csv'}:2, and 1 more machine"


def test_explain_says_where_every_value_comes_from(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["explain", "raw/p2/t", '{"value": 20}', "-c", str(config), "--source", "plc_p2"]
    assert main(arguments) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    place = f"{config.parent / 'machines.csv'}:3"
    origin = [f"  template  machine for {place}", f'            plc = "p2"  {place}, column `plc`', "            limit = 80  default of `machine`"]
    assert lines[1:4] == origin
    assert lines[6:9] == origin
    assert main([*arguments, "--json"]) == ExitCode.OK
    document = orjson.loads(capsys.readouterr().out)
    assert document["routes"][0]["origin"]["parameters"][1] == {"name": "limit", "value": 80, "origin": "default of `machine`"}
