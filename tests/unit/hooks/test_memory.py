"""What a batch frees is there for the next."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, threading
from pronubes.hooks.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def batches(count):
    for _ in range(count):
        [bytes(3000) for _ in range(400)]
def work():
    batches(10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    batches(50)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such setting")
def test_a_thread_faults_its_memory_in_once() -> None:
    faults = {how: int(subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, check=True).stdout) for how in ("as it is", "kept")}
    assert faults["kept"] < 100 < faults["as it is"]
