"""Schemas in a configuration: `.proto` files and descriptor sets are the same, and what is wrong is said before anything runs."""

from pathlib import Path

import pytest

from pronubes import Router
from pronubes.config.compile import compile_router
from pronubes.config.load import load_text
from pronubes.errors import ConfigurationError

UNITS = 'syntax = "proto3";\npackage plant;\nenum Unit { NONE = 0; CEL = 1; }\n'
PLANT = 'syntax = "proto3";\npackage plant;\nimport "units.proto";\nmessage Reading {\n  double value = 1;\n  Unit unit = 2;\n}\n'
CONFIGURATION = """version: 1
name: n
sources: {{a: {{type: ndjson, path: "-"}}}}
sinks: {{s: {{type: stdout}}}}
routes:
  r:
    filter: x
    steps: [{{decode: {{protobuf: {{schema: {schema}, message: {message}}}}}}}]
    to: s
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from pronubes import _core

    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/units.proto").write_text(UNITS, encoding="utf-8")
    (tmp_path / "schemas/plant.proto").write_text(PLANT, encoding="utf-8")
    (tmp_path / "plant.binpb").write_bytes(_core.compile_proto(tmp_path / "schemas/plant.proto", tmp_path))
    (tmp_path / "rooted.proto").write_text(PLANT.replace('"units', '"schemas/units'), encoding="utf-8")
    (tmp_path / "wrong.proto").write_text(PLANT.replace("Unit unit", "Units unit").replace('"units', '"schemas/units'), encoding="utf-8")
    (tmp_path / "lonely.proto").write_text(PLANT, encoding="utf-8")
    (tmp_path / "odd.proto").write_text('syntax = "proto3";\nmesage Reading {}\n', encoding="utf-8")
    (tmp_path / "none.binpb").write_bytes(b"no descriptors")
    return tmp_path


def router_of(folder: Path, schema: str, message: str = "plant.Reading") -> Router:
    return Router(compile_router(load_text(CONFIGURATION.format(schema=schema, message=message), file="n.yaml", base_dir=folder)))


@pytest.mark.parametrize("schema", ["schemas/plant.proto", "plant.binpb", "rooted.proto"])
def test_a_payload_is_decoded(folder: Path, schema: str) -> None:
    (outcome,) = router_of(folder, schema).route("a", [("x", bytes.fromhex("0900000000008035401001"))])
    assert outcome.payload == b'{"value":21.5,"unit":"CEL"}'


@pytest.mark.parametrize(
    ("schema", "message", "expected"),
    [
        ("gone.proto", "plant.Reading", ["n.yaml:8:", "The schema cannot be read: no such file or directory."]),
        ("gone.binpb", "plant.Reading", ["n.yaml:8:", "The schema cannot be read: no such file or directory."]),
        ("schemas", "plant.Reading", ["n.yaml:8:", "The schema cannot be read: is a directory."]),
        ("wrong.proto", "plant.Reading", ["n.yaml:8:", "The schema is wrong.", "wrong.proto:6:", "Units"]),
        ("lonely.proto", "plant.Reading", ["n.yaml:8:", "The schema is wrong.", "lonely.proto:3:", "units.proto"]),
        ("odd.proto", "plant.Reading", ["n.yaml:8:", "The schema is wrong.", "odd.proto:2:1:", "mesage"]),
        ("none.binpb", "plant.Reading", ["n.yaml:8:", "The descriptor set cannot be read", "protoc --include_imports"]),
        ("plant.binpb", "plant.reading", ["n.yaml:8:", "has no such message", "`plant.Reading`"]),
        ("plant.binpb", "Reading", ["n.yaml:8:", "has no such message", "`plant.Reading`"]),
    ],
)
def test_what_is_wrong_has_a_place(folder: Path, schema: str, message: str, expected: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        router_of(folder, schema, message)
    (found,) = [str(one) for one in caught.value.diagnostics]
    for part in expected:
        assert part in found
    assert str(folder) not in found
