"""The reference pages say what the code does: `make docs` writes them."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page", ["reference/configuration.md", "reference/contracts.md", "reference/exit-codes.md", "reference/metrics.md", "reasons.md"]
)
def test_a_page_is_up_to_date(generate: ModuleType, page: str) -> None:
    assert generate.PAGES[page]() == (DOCS / page).read_text(encoding="utf-8"), "run `make docs`"
