"""Loading hooks again: changed code takes effect, broken code changes nothing."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pronubes.errors import HookUnavailable
from pronubes.hooks.loading import load_all
from pronubes.hooks.settings import HookSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CODE = """
import pronubes
from reloaded_part import NUMBER

@pronubes.transform
def number(message: pronubes.Message) -> object:
    return {factor} * NUMBER
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = list(sys.path)
    (tmp_path / "reloaded.py").write_text(CODE.format(factor=1))
    (tmp_path / "reloaded_part.py").write_text("NUMBER = 2\n")
    yield tmp_path
    sys.path[:] = before
    for name in ("reloaded", "reloaded_part"):
        sys.modules.pop(name, None)


def answer(folder: Path, call: str = "reloaded:number") -> Any:
    (hook,) = load_all([HookSettings(call)], base_dir=folder, column_types=[{}])
    return hook.run(One()).changes["payloads"]


class One:
    """A batch of one message."""

    def __len__(self) -> int:
        return 1

    def topics(self) -> list[str]:
        return ["t"]

    def payloads(self) -> list[bytes]:
        return [b"1"]


def test_changed_code_takes_effect_also_that_of_what_it_imports(folder: Path) -> None:
    answers = [answer(folder)]
    (folder / "reloaded.py").write_text(CODE.format(factor=5))  # as long as before, in the same second
    answers.append(answer(folder))
    (folder / "reloaded_part.py").write_text("NUMBER = 7\n")
    answers.append(answer(folder))
    assert answers == [[b"2"], [b"10"], [b"35"]]


def test_what_has_not_changed_is_not_imported_again(folder: Path) -> None:
    answer(folder)
    module = sys.modules["reloaded"]
    answer(folder)
    assert sys.modules["reloaded"] is module


@pytest.mark.parametrize("broken", ["def (", "raise RuntimeError('no')", "raise SystemExit", "number = 3"])
def test_a_broken_version_changes_nothing(folder: Path, broken: str) -> None:
    answer(folder)
    module = sys.modules["reloaded"]
    (folder / "reloaded_part.py").write_text("NUMBER = 7\n")
    (folder / "reloaded.py").write_text(broken)
    with pytest.raises(HookUnavailable):
        answer(folder)
    assert sys.modules["reloaded"] is module
    (folder / "reloaded.py").write_text(CODE.format(factor=1))
    assert answer(folder) == [b"7"]


def test_what_the_program_has_imported_itself_is_not_imported_again(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    part = importlib.import_module("reloaded_part")
    answer(folder)
    (folder / "reloaded.py").write_text(CODE.format(factor=3))
    (folder / "reloaded_part.py").write_text("NUMBER = 7\n")
    assert answer(folder) == [b"6"]
    assert sys.modules["reloaded_part"] is part


def test_modules_of_a_load_that_failed_are_not_kept(folder: Path) -> None:
    (folder / "reloaded.py").write_text(CODE.format(factor=1) + "raise RuntimeError")
    with pytest.raises(HookUnavailable):
        answer(folder)
    (folder / "reloaded_part.py").write_text("NUMBER = 7\n")
    (folder / "reloaded.py").write_text(CODE.format(factor=1))
    assert answer(folder) == [b"7"]


@pytest.mark.parametrize("call", ["reloaded:missing", "reloaded:NUMBER", "nowhere:number"])
def test_what_is_not_there_is_said(folder: Path, call: str) -> None:
    with pytest.raises(HookUnavailable):
        answer(folder, call)
