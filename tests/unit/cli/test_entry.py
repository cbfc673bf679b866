"""The command line as a whole: what is loaded, what mistakes lead to."""

import subprocess
import sys

import pytest

from pronubes.cli import entry, main
from pronubes.cli.exit_codes import ExitCode
from pronubes.errors import NotConnected


def test_help_loads_nothing_that_takes_time() -> None:
    heavy = "{'pydantic', 'rich', 'yaml', 'asyncio', 'orjson', 'numpy'}"
    script = f"import sys\nfrom pronubes.cli import main\nmain(['--help'])\nprint(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert shown.splitlines()[-1] == "[]"
    assert all(f"\n    {name}" in shown for name in entry.COMMANDS)


def test_running_loads_neither_rich_nor_the_tools_for_findings() -> None:
    script = "import sys\nimport pronubes.cli.run\nprint(sorted({'rich', 'pymodbus', 'starlette', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["chek"], "Did you mean `check`?"),
        (["frobnicate"], "Commands: run, check"),
        (["check", "--jsn"], "unrecognized arguments: --jsn"),
        (["check", "--js"], "unrecognized arguments: --js"),
        (["completion", "tcsh"], "invalid choice: 'tcsh'"),
    ],
)
def test_a_wrong_command_line_is_explained(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == ExitCode.USAGE
    assert sentence in capsys.readouterr().err


def test_what_a_command_raises_becomes_a_sentence_and_a_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_arguments: object) -> int:
        raise NotConnected("The broker is gone.")

    monkeypatch.setattr("pronubes.cli.schema.run", fail)
    assert main(["schema"]) == ExitCode.UNAVAILABLE
    assert capsys.readouterr().err == "error: The broker is gone.\n"
    with pytest.raises(NotConnected):
        main(["--traceback", "schema"])


def test_ctrl_c_is_no_error_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("pronubes.cli.schema.run", interrupt)
    assert main(["schema"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == ExitCode.OK
    script = capsys.readouterr().out
    assert all(word in script for word in ("check", "explain", "strict", "json"))


def test_the_bash_completion_completes(capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    script = capsys.readouterr().out + 'COMP_WORDS=(pronubes check --st); COMP_CWORD=2; _pronubes; echo "${COMPREPLY[@]}"'
    assert subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True).stdout.strip() == "--strict"


def test_the_bash_completion_knows_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    script = capsys.readouterr().out + "COMP_WORDS=(pronubes contract i); COMP_CWORD=2; _pronubes; echo ${COMPREPLY[@]}"
    answer = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["infer", "import"]
