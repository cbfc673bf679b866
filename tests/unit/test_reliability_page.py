"""The page of reliability tests names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
SHORT = {
    "durability/": "tests/integration/durability/",
    "session/": "rust/pronubes-mqtt/tests/session/",
    "flow/": "rust/pronubes-pipeline/tests/flow/",
    "log/": "rust/pronubes-log/tests/",
    "core/": "rust/pronubes-core/tests/",
}
NAMED = re.findall(r"`([\w/.-]+\.(?:py|rs))(?:::(\w+))?`", PAGE)
DURABILITY = sorted((ROOT / "tests" / "integration" / "durability").glob("test_*.py"))


def full(path: str) -> Path:
    start = next((short for short in SHORT if path.startswith(short)), "")
    return ROOT / (SHORT.get(start, "") + path.removeprefix(start))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    assert full(path).is_file()
    assert re.search(rf"(?:def|fn|class) {name}\b", full(path).read_text(encoding="utf-8")) if name else True


def test_every_durability_test_is_on_the_page() -> None:
    names = {name for file in DURABILITY for name in re.findall(r"^async def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)}
    assert names == {name for path, name in NAMED if path.startswith("durability/")}
