"""Contract files: the good ones become a specification, the bad ones give exactly the findings that stand beside them.

`UPDATE_SNAPSHOTS=1 pytest` writes what is found; read the difference before it is committed.
"""

import os
from pathlib import Path

import pytest

from pronubes.contracts.folder import Contracts, read_contract_text
from pronubes.contracts.specification import path_in_file, specification
from pronubes.errors import ConfigurationError

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
DESIGN = """\
contract: measurement
version: 1
owner: team-energy
payload:
  value:        {type: number, unit: "[degF]", range: [-40, 800]}
  timestamp_ms: {type: integer, time: ms, not_after: 5s}
  quality:      {type: string, enum: [GOOD, UNCERTAIN, BAD], optional: true}
extra: keep                # or refuse
retain: true
mode: quarantine           # observe | annotate | quarantine | reject
"""
SCALAR = "contract: count\nversion: 3\nscalar: {type: integer, range: [0, null], null: allowed}\nmode: annotate\nannotate: {user_property: wrong}\n"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_gives_these_findings(path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_contract_text(path.read_text(encoding="utf-8"), file=path.name, id_="measurement@1")
    found = "\n\n".join(str(diagnostic) for diagnostic in caught.value.diagnostics) + "\n"
    expected = path.with_suffix(".txt")
    if os.environ.get("UPDATE_SNAPSHOTS"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_the_contract_of_the_design_becomes_this_specification() -> None:
    file = read_contract_text(DESIGN, id_="measurement@1")
    assert specification(file.contract, file.dimensions, mode="observe") == {
        "name": "measurement",
        "version": 1,
        "mode": "observe",
        "annotate": {"field": "contract_violation"},
        "extra": "keep",
        "scalar": None,
        "fields": [
            {"path": "value", "optional": False, "type": "number", "null": "never", "range": [-40, 800], "dimension": (0, 0, 0, 0, 1, 0, 0)},
            {
                "path": "timestamp_ms",
                "optional": False,
                "type": "integer",
                "null": "never",
                "time": {"unit": "ms", "not_after_ns": 5_000_000_000, "not_before_ns": None},
            },
            {"path": "quality", "optional": True, "type": "string", "null": "never", "enum": ["GOOD", "UNCERTAIN", "BAD"]},
        ],
        "quality": None,
    }


def test_a_bare_value_has_no_path() -> None:
    file = read_contract_text(SCALAR)
    spec = specification(file.contract, file.dimensions)
    assert spec["scalar"] == {"type": "integer", "null": "allowed", "range": [0, None]}
    assert (spec["fields"], spec["annotate"]) == ([], {"user_property": "wrong"})


def test_a_quality_named_alone_takes_the_usual_codes() -> None:
    file = read_contract_text(DESIGN + "quality: quality\n")
    quality = specification(file.contract, file.dimensions)["quality"]
    assert quality["path"] == "quality"
    assert [code in quality[group] for group, code in (("good", 192), ("uncertain", "Uncertain"), ("bad", "BAD"), ("bad", 0))] == [
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("parts", "path", "is_key"),
    [
        (("fields", 0, "range"), ("payload", "value", "range"), False),
        (("fields", 2, "enum", 1), ("payload", "quality", "enum", 1), False),
        (("fields", 1, "time", "unit"), ("payload", "timestamp_ms", "time"), False),
        (("fields", 1, "time", "not_after_ns"), ("payload", "timestamp_ms", "not_after"), False),
        (("fields", 1, "path"), ("payload", "timestamp_ms"), True),
        (("fields",), ("payload",), True),
        (("scalar", "pattern"), ("scalar", "pattern"), False),
        (("quality", "path"), ("quality", "field"), False),
        (("quality", "good", 1), ("quality", "good", 1), False),
        (("annotate",), ("annotate",), False),
        (("name",), ("contract",), False),
    ],
)
def test_a_path_of_the_engine_leads_into_the_file(parts: tuple[str | int, ...], path: tuple[str | int, ...], is_key: bool) -> None:
    assert path_in_file(parts, read_contract_text(DESIGN).contract) == (path, is_key)


def test_a_folder_is_known_by_the_names_of_its_files(tmp_path: Path) -> None:
    for name in (
        "measurement/1.yaml",
        "measurement/10.yaml",
        "measurement/v2.yaml",
        "measurement/notes.txt",
        "_order/2.yaml",
        "stray.yaml",
        ".x/1.yaml",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("not read", encoding="utf-8")
    contracts = Contracts(tmp_path, name="contracts")
    assert contracts.versions == {"_order": (2,), "measurement": (1, 10)}
    assert ("measurement@10" in contracts, "measurement@2" in contracts, "measurement" in contracts) == (True, False, False)
    assert [diagnostic.file for diagnostic in contracts.strays()] == ["contracts/measurement/v2.yaml", "contracts/stray.yaml"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"The folder of contracts cannot be read: no such file"):
        Contracts(tmp_path / "contracts")
