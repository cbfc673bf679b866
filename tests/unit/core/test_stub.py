"""The stub describes the built module: names, parameters, defaults."""

import subprocess
import sys

PENDING = "pronubes\\._core\\.Router\\.explain\n"
"""What the stub promises and the module does not have yet. An entry that is not needed any more fails the test."""


def test_the_stub_is_the_module(tmp_path):
    allowlist = tmp_path / "allowlist"
    allowlist.write_text(PENDING)
    command = [sys.executable, "-m", "mypy.stubtest", "pronubes._core", "--ignore-disjoint-bases", "--allowlist", str(allowlist)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
