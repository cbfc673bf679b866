"""The stub describes the built module: names, parameters, defaults."""

import subprocess
import sys


def test_the_stub_is_the_module():
    command = [sys.executable, "-m", "mypy.stubtest", "pronubes._core", "--ignore-disjoint-bases"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
