"""Finding connectors by entry points."""

from importlib.metadata import EntryPoint

import pytest

from pronubes.connectors import registry
from pronubes.connectors.options import SinkConnector, SinkOptions, SourceConnector, SourceOptions
from pronubes.errors import UnknownConnector


class Made:
    def __init__(self, options: object, context: object) -> None:
        self.options = options


SOURCE = SourceConnector(options=SourceOptions, implementation=f"{__name__}:Made", example="{type: made}")
SINK = SinkConnector(options=SinkOptions, implementation=f"{__name__}:Made", example="{type: made}")


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that offers a source and a sink `made`, and a source entry that leads to a sink."""

    def entries(kind: registry.Kind) -> dict[str, EntryPoint]:
        group = f"pronubes.{kind}s"
        found = {"made": EntryPoint("made", f"{__name__}:{kind.upper()}", group)}
        return found | ({"mistake": EntryPoint("mistake", f"{__name__}:SINK", group)} if kind == "source" else {})

    registry.connector.cache_clear()
    monkeypatch.setattr(registry, "_built_in", lambda _kind: {})
    monkeypatch.setattr(registry, "_installed", entries)


def test_a_connector_is_found_by_its_name_and_kind() -> None:
    assert registry.source("made") is SOURCE
    assert registry.sink("made") is SINK
    assert registry.names("sink") == ["made"]


def test_a_connector_makes_its_implementation() -> None:
    options = SourceOptions()
    assert registry.source("made").create(options, context=None).options is options  # type: ignore[arg-type]


def test_an_unknown_name_lists_what_is_installed() -> None:
    with pytest.raises(UnknownConnector, match=r"no sink of type `mqqt`\. Installed: made") as caught:
        registry.sink("mqqt")
    assert caught.value.known == ("made",)


def test_an_entry_point_to_the_wrong_kind_is_a_defect_of_that_package() -> None:
    with pytest.raises(TypeError, match="leads to no SourceConnector"):
        registry.source("mistake")
