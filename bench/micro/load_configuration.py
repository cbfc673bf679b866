"""How long a configuration of 10,000 routes takes from the file to the compiled plan, by stage.

Each route has a condition and four steps; there are 50 distinct expressions. Times are CPU seconds of this process, the best of some rounds,
because wall-clock times on a shared machine say little. A regression means that a large plant waits longer for each start and reload.
"""

import argparse
import gc
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pronubes import _core
from pronubes.config.compile import compile_router
from pronubes.config.load import load
from pronubes.config.model import Configuration
from pronubes.config.reader import read_values

HEAD = """\
version: 1
name: large
sources: {shopfloor: {type: mqtt, url: "mqtt://127.0.0.1:1883", topics: ["raw/#"]}}
sinks: {uns: {type: mqtt, url: "mqtt://127.0.0.1:1883"}}
routes:
"""

ROUTE = """\
  r{number}:
    from: shopfloor
    filter: raw/{{area}}/l{number}/{{plc}}/temp/{{tag}}
    where: payload.quality == "GOOD" && payload.value > {kind}.5
    steps:
      - scale: {{field: value, factor: 1.8, offset: 32}}
      - rename: {{ts: timestamp_ms}}
      - set: {{unit: "[degF]"}}
      - compute: {{hot: payload.value > {kind}.0}}
    topic: acme/{{area}}/l{number}/{{plc}}/{{tag}}
    to: uns
"""


def best(rounds: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Time some rounds; give the best and the last result."""
    seconds = []
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        began = time.process_time()
        result = work()
        seconds.append(time.process_time() - began)
        gc.enable()
    return min(seconds), result


def measure(routes: int, rounds: int) -> dict[str, float]:
    """Measure each stage and the whole."""
    text = HEAD + "".join(ROUTE.format(number=number, kind=number % 25) for number in range(routes))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "large.yaml"
        path.write_text(text, encoding="utf-8")
        read, (values, _) = best(rounds, lambda: read_values(text))
        check, _ = best(rounds, lambda: Configuration.model_validate(values))
        whole_load, loaded = best(rounds, lambda: load(path))
        write, compiled = best(rounds, lambda: compile_router(loaded))
        engine, router = best(rounds, lambda: _core.Router.from_spec(compiled.spec))
        total, _ = best(rounds, lambda: _core.Router.from_spec(compile_router(load(path)).spec))
    topic = f"raw/a/l{routes - 1}/p/temp/t"
    (outcome,) = router.route("shopfloor", [(topic, b'{"value": 90, "quality": "GOOD", "ts": 1}')], now_ns=0)
    if outcome.payload != b'{"value": 194.0, "quality": "GOOD", "timestamp_ms": 1,"unit":"[degF]","hot":true}':
        raise SystemExit(f"The result is wrong: {outcome.payload!r}")
    return {"read": read, "check": check, "load": whole_load, "write": write, "engine": engine, "total": total}


def main() -> None:
    """Print the stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    seconds = measure(arguments.routes, arguments.rounds)
    if arguments.json:
        print(json.dumps({"routes": arguments.routes, "cpu_s": seconds, "machine": platform.processor(), "python": platform.python_version()}))
        return
    for stage, value in seconds.items():
        sys.stdout.write(f"{stage:8} {value * 1000:8.0f} ms\n")


if __name__ == "__main__":
    main()
