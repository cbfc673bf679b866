"""`pronubes.Router` called from Python with lists of tuples, without any socket: what a user of the API sees.

Prints one line of JSON: how long the configuration takes to load, and CPU per message of `route` with everything it returns.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import pronubes

CHUNK = 1_000
SECONDS = 1.0


def main(messages: Path, config: Path) -> None:
    """Loads, checks one pass against what is expected, then times passes."""
    began = time.perf_counter()
    router = pronubes.Router.from_file(config)
    load_ms = (time.perf_counter() - began) * 1e3
    slots = [json.loads(line) for line in messages.read_text(encoding="utf-8").splitlines()]
    inputs = [(slot["topic"], slot["payload"].encode()) for slot in slots]
    chunks = [inputs[start : start + CHUNK] for start in range(0, len(inputs), CHUNK)]
    found = [outcome for chunk in chunks for outcome in router.route("plant", chunk, now_ns=0) if outcome.kind == "emitted"]
    wanted = [output for slot in slots for output in slot["outputs"]]
    problems = [] if len(found) == len(wanted) else [f"{len(found)} outputs for {len(wanted)}"]
    for outcome, output in zip(found, wanted, strict=False):
        if outcome.topic != output["topic"] or not same(json.loads(outcome.payload), output["payload"]):
            problems.append(f"{outcome.topic}: expected {output}, found {outcome.payload!r}")
            break
    passes, began_cpu = 0, time.process_time()
    while (spent := time.process_time() - began_cpu) < SECONDS:
        for chunk in chunks:
            router.route("plant", chunk, now_ns=0)
        passes += 1
    print(json.dumps({"problems": problems, "figures": {"load_ms": load_ms, "us_per_message": spent * 1e6 / (passes * len(inputs))}}))


def same(found: Any, wanted: Any) -> bool:  # Any: JSON
    """Equal but for the last digits of floats."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key]) for key in wanted)
    if isinstance(found, float) or isinstance(wanted, float):
        return math.isclose(found, wanted, rel_tol=1e-9)
    return bool(found == wanted)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    arguments = parser.parse_args()
    main(arguments.messages, arguments.config)
