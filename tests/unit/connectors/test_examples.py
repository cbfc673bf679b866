"""Every registered connector has an example that is right: it loads, compiles and gives no warnings of its own."""

import pytest

from pronubes.config.compile import compile_router, refuse_errors
from pronubes.config.load import load_text
from pronubes.connectors import registry

OTHERS = {"source": "{type: generator}", "sink": "{type: stdout}"}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in OTHERS for name in registry.names(kind)])  # type: ignore[arg-type]
def test_an_example_loads_and_compiles(kind: str, name: str) -> None:
    connector = registry.source(name) if kind == "source" else registry.sink(name)
    examples = {**OTHERS, kind: connector.example}
    loaded = load_text(
        f"version: 1\nname: n\nsources:\n  a: {examples['source']}\nsinks:\n  b: {examples['sink']}\nroutes: {{r: {{filter: '#', to: b}}}}\n"
    )
    refuse_errors(compile_router(loaded))
    assert (loaded.configuration.sources["a"].type, loaded.configuration.sinks["b"].type)[kind == "sink"] == name
