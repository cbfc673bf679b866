"""A panic in Rust is an exception in Python, from every call."""

import re
from pathlib import Path

import pytest

from pronubes import _core

SOURCES = Path(__file__).parents[3] / "rust/pronubes-py/src"
# A function that Python calls: its attributes, its name, and its body up to the brace in the column where it began.
CALL = re.compile(r"^(?P<indent> *)(?:pub )?fn (?P<name>\w+)(?P<head>[^{;]*?)\{\n(?P<body>.*?)^(?P=indent)\}$", re.MULTILINE | re.DOTALL)


def test_a_panic_is_an_exception_and_the_process_goes_on():
    for _ in range(2):
        with pytest.raises(_core.InternalError, match="This is a defect in pronubes, please report it: asked for") as caught:
            _core.panic_on_purpose()
        assert isinstance(caught.value, RuntimeError)
    assert _core.topic_matches("a/+", "a/b")


def exported(text: str) -> list[tuple[str, str, str]]:
    """Name, head and body of each function that Python can call."""
    blocks = re.findall(r"^#\[pymethods\]\n(.*?)^\}$", text, re.MULTILINE | re.DOTALL)
    blocks += re.findall(r"^#\[pyfunction\]\n(.*?^\}$)", text, re.MULTILINE | re.DOTALL)
    return [(found["name"], found["head"], found["body"]) for block in blocks for found in CALL.finditer(block)]


def test_every_call_that_can_fail_is_guarded():
    calls = [(path.name, *call) for path in sorted(SOURCES.glob("*.rs")) for call in exported(path.read_text(encoding="utf-8"))]
    bare = [f"{file}: {name}" for file, name, head, body in calls if "PyResult" in head and not re.search(r"\b(guard|self\.run)\(", body)]
    assert len(calls) > 60
    assert bare == []
