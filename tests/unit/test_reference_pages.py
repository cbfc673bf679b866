"""The reference pages say what the code does: `make docs` writes them."""

import importlib.util
import json
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
    "page",
    [
        "reference/cases.md",
        "reference/cel.md",
        "reference/configuration.md",
        "reference/contracts.md",
        "reference/exit-codes.md",
        "reference/metrics.md",
        "reasons.md",
    ],
)
def test_a_page_is_up_to_date(generate: ModuleType, page: str) -> None:
    assert generate.PAGES[page]() == (DOCS / page).read_text(encoding="utf-8"), "run `make docs`"


def test_every_case_of_cel_runs_or_is_left_out_with_its_reason() -> None:
    vectors = json.loads((DOCS.parent / "tests" / "vectors" / "expr" / "cel_spec.json").read_text(encoding="utf-8"))
    about, cases = vectors["about"], vectors["cases"]
    assert about["cases_of_cel"] == len(cases) + sum(about["left_out"].values())
    assert all("cel" in case for case in cases)
