"""Whole configurations: the good ones load, the bad ones give exactly the findings that stand beside them.

`UPDATE_SNAPSHOTS=1 pytest` writes what is found; read the difference before it is committed.
"""

import os
from pathlib import Path

import pytest

from pronubes.cli.output import print_diagnostics
from pronubes.config.compile import compile_router
from pronubes.config.load import load, load_text, load_values
from pronubes.errors import ConfigurationError

CONFIGS = Path(__file__).parents[2] / "configs"
GOOD = sorted((CONFIGS / "good").glob("*.yaml"))
BAD = sorted((CONFIGS / "bad").glob("*.yaml"))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_configuration_loads_and_compiles(path: Path) -> None:
    loaded = load(path)
    again = load_values(loaded.places.document.root.plain_value(), base_dir=path.parent)  # type: ignore[union-attr]
    assert compile_router(loaded).spec == compile_router(again).spec


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_configuration_gives_these_findings(path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_text(path.read_text(encoding="utf-8"), file=path.name)
    found = "\n\n".join(str(diagnostic) for diagnostic in caught.value.diagnostics) + "\n"
    expected = path.with_suffix(".txt")
    if os.environ.get("UPDATE_SNAPSHOTS"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_no_finding_and_no_excerpt_shows_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(CONFIGS / "bad" / "secrets.yaml")
    print_diagnostics(caught.value.diagnostics)
    assert "canary" not in str(caught.value)
    assert "canary" not in capsys.readouterr().out
