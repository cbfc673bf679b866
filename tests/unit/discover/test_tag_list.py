"""`pronubes discover --tags`: from a Modbus tag list to a configuration that passes `check`."""

import csv

import pytest

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode
from pronubes.connectors.modbus.tags import Tag
from pronubes.contracts.folder import read_contract_text
from pronubes.discover.tag_list import signals

TAGS = """\
tag,table,address,type,scale,offset,unit,group
B1_TEMP,holding,0,int16,0.1,,Cel,fast
B1_PRES,holding,1,uint16,0.01,-1,bar,
B2.TEMP,holding,2,int16,1,-40,Cel,
total,holding,4,uint32,,,{bottles},
flow,holding,6,float32,,,m3/h,
flow_on,coil,6,bool,,,,
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plc.csv").write_text(TAGS)
    assert main(["discover", "--tags", str(tmp_path / "plc.csv"), "--url", "tcp://127.0.0.1:5020", "-o", str(tmp_path / "draft")]) == ExitCode.OK
    return tmp_path / "draft"


def test_the_draft_passes_check(folder, capsys):
    code = main(["check", str(folder / "pronubes.yaml")])
    assert code == ExitCode.OK, capsys.readouterr().out


def test_tags_with_a_common_stem_are_machines(folder):
    rows = list(csv.DictReader((folder / "names.csv").read_text().splitlines()))
    assert [(row["tag"], row["topic"], row["contract"]) for row in rows] == [
        ("B1_TEMP", "acme/plant1/B1/TEMP", "int16_cel@1"),
        ("B1_PRES", "acme/plant1/B1/PRES", "uint16_bar@1"),
        ("B2.TEMP", "acme/plant1/B2.TEMP", "int16_cel@1"),
        ("total", "acme/plant1/total", "uint32_bottles@1"),
        ("flow", "acme/plant1/flow", "float32_m3_h@1"),
        ("flow_on", "acme/plant1/flow_on", "bool@1"),
    ]


@pytest.mark.parametrize(
    ("name", "kind", "bounds"),
    [
        ("int16_cel", "number", (-32808, 32727)),
        ("uint16_bar", "number", (-1, 654.35)),
        ("uint32_bottles", "integer", (0, 4294967295)),
        ("float32_m3_h", "number", None),
        ("bool", "boolean", None),
    ],
)
def test_ranges_are_those_of_the_registers(folder, name, kind, bounds):
    value = read_contract_text((folder / "contracts" / name / "1.yaml").read_text()).contract.payload["value"]
    assert (value.type, tuple(value.range) if value.range else None) == (kind, bounds)


def test_names_that_would_meet_stay_apart():
    tags = [Tag(name, "holding", 0, "int16") for name in ("a_b", "a.b", "a_c", "_x", "x_")]
    assert signals(tags) == ["acme/plant1/a/b", "acme/plant1/a.b", "acme/plant1/a/c", "acme/plant1/_x", "acme/plant1/x_"]


def test_mistakes_of_the_list_are_named(tmp_path, capsys):
    (tmp_path / "plc.csv").write_text("tag,table,address,type\nx,holding,1,int15\n")
    assert main(["discover", "--tags", str(tmp_path / "plc.csv")]) == ExitCode.FAILED
    assert "plc.csv:2: type: found int15" in capsys.readouterr().err
