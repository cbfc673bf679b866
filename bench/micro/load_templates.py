"""How long a template with 10,000 machines takes from the files to the compiled plan, by stage.

Each machine makes a route with a condition and four steps. With `--limits 1` all machines have the same limit and the engine shares their
stages; with more, each limit makes stages of its own, from one parsed expression. Times are CPU seconds of this process, the best of some
rounds, because wall-clock times on a shared machine say little. A regression means that a large plant waits longer for each start and reload.
"""

import argparse
import json
import platform
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from load_configuration import best

from pronubes import _core
from pronubes.config.compile import compile_router
from pronubes.config.lint import lint
from pronubes.config.load import load
from pronubes.config.model import Configuration
from pronubes.config.reader import read_values
from pronubes.config.templates.expand import expand

CONFIGURATION = """\
version: 1
name: large
sources: {shopfloor: {type: mqtt, url: "mqtt://127.0.0.1:1883", topics: ["raw/#"]}}
sinks: {uns: {type: mqtt, url: "mqtt://127.0.0.1:1883"}}
templates:
  machine:
    parameters:
      line: name
      plc: name
      limit: {type: number, range: [0, 100000]}
      unit: {type: text, default: "[degF]"}
    routes:
      r_${line}_${plc}:
        from: shopfloor
        filter: raw/{area}/${line}/${plc}/temp/{tag}
        where: payload.quality == "GOOD" && payload.value > ${limit}
        steps:
          - scale: {field: value, factor: 1.8, offset: 32}
          - rename: {ts: timestamp_ms}
          - set: {unit: "${unit}"}
          - compute: {hot: "payload.value > ${limit}"}
        topic: acme/{area}/${line}/${plc}/{tag}
        to: uns
instances:
  - {template: machine, table: machines.csv}
"""


def measure(machines: int, limits: int, rounds: int) -> dict[str, float]:
    """Measure each stage and the whole."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "large.yaml"
        path.write_text(CONFIGURATION, encoding="utf-8")
        rows = "".join(f"l{number},p{number % 7},{number % limits}.5,\n" for number in range(machines))
        (Path(folder) / "machines.csv").write_text("line,plc,limit,unit\n" + rows, encoding="utf-8")
        values, _ = read_values(CONFIGURATION)
        make, expansion = best(rounds, lambda: expand(values, {}, Path(folder), str(path)))
        check, _ = best(rounds, lambda: Configuration.model_validate(expansion.values, context={}))
        whole_load, loaded = best(rounds, lambda: load(path))
        write, compiled = best(rounds, lambda: compile_router(loaded))
        engine, router = best(rounds, lambda: _core.Router.from_spec(compiled.spec))
        warn, _ = best(rounds, lambda: lint(loaded))
        total, _ = best(rounds, lambda: _core.Router.from_spec(compile_router(load(path)).spec))
    topic = f"raw/a/l{machines - 1}/p{(machines - 1) % 7}/temp/t"
    (outcome,) = router.route("shopfloor", [(topic, b'{"value": 90000, "quality": "GOOD", "ts": 1}')], now_ns=0)
    if outcome.payload != b'{"value": 162032.0, "quality": "GOOD", "timestamp_ms": 1,"unit":"[degF]","hot":true}':
        raise SystemExit(f"The result is wrong: {outcome.payload!r}")
    return {"make": make, "check": check, "load": whole_load, "write": write, "engine": engine, "lint": warn, "total": total}


def main() -> None:
    """Print the stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=10_000)
    parser.add_argument("--limits", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    seconds = measure(arguments.machines, arguments.limits, arguments.rounds)
    if arguments.json:
        print(json.dumps({"machines": arguments.machines, "cpu_s": seconds, "machine": platform.processor(), "python": platform.python_version()}))
        return
    for stage, value in seconds.items():
        sys.stdout.write(f"{stage:8} {value * 1000:8.0f} ms\n")


if __name__ == "__main__":
    main()
