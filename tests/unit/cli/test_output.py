"""Findings as people see them."""

from pathlib import Path

import pytest

from pronubes.cli.output import print_diagnostics
from pronubes.diagnostics import Diagnostic, Position, Severity

TEXT = """\
name: ok
\turl: "x"
wide: 日本 here
broken: \x1b[31mred
password: canary
literal: canary
url: mqtt://user:canary@host
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


def shown(file: str, capsys: pytest.CaptureFixture[str], **facts: object) -> str:
    values = {"code": "x", "message": "It is wrong.", "file": file, **facts}
    print_diagnostics([Diagnostic(**values)])  # type: ignore[arg-type]
    return capsys.readouterr().out.replace(file, "a.yaml")


def test_a_finding_marks_its_place(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(file, capsys, position=Position(1, 7, 2), path="name", expected="a name", hint="Write one.")
    assert text == (
        "error: It is wrong.\n  --> a.yaml:1:7 (name)\n   |\n 1 | name: ok\n   |       ^^\n   = expected: a name\n   = hint: Write one.\n\n1 error\n"
    )


@pytest.mark.parametrize(("position", "before", "marks"), [(Position(2, 2, 3), 1, 3), (Position(3, 10, 4), 11, 4), (Position(3, 7, 2), 6, 4)])
def test_marks_stand_under_wide_characters_and_tabs(
    file: str, capsys: pytest.CaptureFixture[str], position: Position, before: int, marks: int
) -> None:
    line = next(line for line in shown(file, capsys, position=position).splitlines() if "^" in line)
    assert line == "   | " + " " * before + "^" * marks


def test_control_characters_do_not_reach_the_terminal(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b" not in shown(file, capsys, position=Position(4, 1, 6))


@pytest.mark.parametrize("facts", [{"position": Position(5, 1)}, {"position": Position(6, 10, 6), "is_secret": True}, {"position": Position(7, 1)}])
def test_secrets_are_masked(file: str, capsys: pytest.CaptureFixture[str], facts: dict[str, object]) -> None:
    assert "canary" not in shown(file, capsys, **facts)


def test_the_last_line_counts(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    one = Diagnostic(code="x", message="m", file=file)
    warning = Diagnostic(code="x", message="m", file=file, severity=Severity.WARNING)
    print_diagnostics([one, one, warning])
    assert capsys.readouterr().out.endswith("2 errors, 1 warning\n")
