"""The pytest plugin, in a pytest of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """\
version: 1
name: n
sources: {plant: {type: mqtt, url: "mqtt://127.0.0.1", topics: [raw/#]}}
sinks: {uns: {type: mqtt, url: "mqtt://127.0.0.1"}}
routes: {all: {filter: "raw/{rest#}", topic: "acme/{rest}", to: uns}}
"""
CASES = """\
cases:
  - {name: a good one, given: {topic: raw/a, payload: 1}, expect: {topic: acme/a, payload: 1}}
  - {name: a bad one, given: {topic: raw/a, payload: 1}, expect: {topic: acme/a, payload: 2}}
  - {name: later, given: {topic: raw/a, payload: 1}, skip: no time}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\npronubes_cases = line/tests/*.yaml\n", encoding="utf-8")
    (tmp_path / "line" / "tests").mkdir(parents=True)
    (tmp_path / "line" / "pronubes.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def pytest_in(folder: Path, *words: str) -> tuple[int, str]:
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "pronubes.pytest_plugin", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, check=False, cwd=folder, env=environ, capture_output=True, text=True, timeout=50)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["line/tests/a.yaml", "line/tests/b.pronubes-test.yaml", "line/b.pronubes-test.yml"])
def test_cases_are_collected_and_run(folder: Path, name: str) -> None:
    (folder / name).write_text(CASES, encoding="utf-8")
    code, shown = pytest_in(folder, "-v", "-rs")
    assert code == pytest.ExitCode.TESTS_FAILED, shown
    assert f"{name}::a good one PASSED" in shown
    assert f"{name}::a bad one FAILED" in shown
    assert "no time" in shown
    assert f"{name}:3\n  A message is not as expected.  (line 3)\n    acme/a -> uns  by route all\n" in shown
    assert "payload  expected 2, found 1\n" in shown
    assert "1 failed, 1 passed, 1 skipped" in shown
    assert pytest_in(folder, "-k", "good")[0] == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CASES.replace("expect", "expct", 1), "Did you mean `expect`?"),
        (f"config: ../missing.yaml\n{CASES}", "missing.yaml"),
    ],
)
def test_what_is_wrong_is_an_error_of_collection(folder: Path, text: str, words: str) -> None:
    (folder / "line" / "tests" / "a.yaml").write_text(text, encoding="utf-8")
    code, shown = pytest_in(folder)
    assert (code, words in shown) == (pytest.ExitCode.INTERRUPTED, True), shown


def test_a_file_without_a_configuration_says_so(folder: Path) -> None:
    (folder / "line" / "pronubes.yaml").rename(folder / "line" / "other.yaml")
    path = folder / "line" / "tests" / "a.yaml"
    path.write_text(CASES, encoding="utf-8")
    code, shown = pytest_in(folder)
    assert (code, "Name the configuration in the file" in shown) == (pytest.ExitCode.INTERRUPTED, True), shown
    path.write_text(f"config: ../other.yaml\n{CASES}", encoding="utf-8")
    assert "1 failed, 1 passed, 1 skipped" in pytest_in(folder)[1]


def test_without_cases_nothing_is_imported(folder: Path) -> None:
    (folder / "line" / "other.yaml").write_text("a: 1\n", encoding="utf-8")
    (folder / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n    assert [name for name in sys.modules if name.startswith('pronubes.')] == ['pronubes.pytest_plugin']\n",
        encoding="utf-8",
    )
    code, shown = pytest_in(folder)
    assert (code, "1 passed" in shown) == (pytest.ExitCode.OK, True), shown
