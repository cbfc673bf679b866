"""Who takes part: how each is started, and whether it is there."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.workloads import Workload

__all__ = ["PEERS", "RELEASE", "Peer", "Task"]

PROGRAMS = Path(__file__).resolve().parent.parent / "peers"
PRONUBES = Path(sys.executable).with_name("pronubes")
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", PROGRAMS.parents[1] / "target")) / "release"
ENGINE_ROUNDS = "30"


@dataclass(frozen=True, slots=True)
class Task:
    """What a peer is given for one run."""

    workload: Workload
    port: int
    qos: int
    source: dict[str, Any]  # Any: configuration as YAML would give it
    sink: dict[str, Any]  # Any: as above
    folder: Path
    route: dict[str, Any] = field(default_factory=dict)  # Any: as above
    node: dict[str, Any] = field(default_factory=dict)  # Any: as above
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """A router that takes part.

    Attributes:
        command: The command line for a task; writes the peer's configuration if it needs one.
        missing: Why it cannot take part here, or nothing.
        is_identity: It hands on what it gets, instead of doing the work.
        max_in_flight: Outputs that may be on their way. Peers with unbounded queues inside get few, in their favour: drowned in their own
            backlog they cost twice as much per message.
        is_program: It takes no load: it measures itself and prints problems and figures as one line of JSON.
    """

    command: Callable[[Task], list[str]]
    missing: Callable[[], str | None]
    is_identity: bool = False
    max_in_flight: int | None = None
    is_program: bool = False


def _program(name: str, *more: str) -> Callable[[Task], list[str]]:
    return lambda task: [sys.executable, str(PROGRAMS / name), "--port", str(task.port), "--qos", str(task.qos), *more]


def _pronubes(task: Task) -> list[str]:
    return [str(PRONUBES), "run", str(_config(task))]


def _config(task: Task) -> Path:
    config = task.folder / "pronubes.yaml"
    config.write_text(task.workload.config(task.port, task.qos, task.source, task.sink, route=task.route, node=task.node), encoding="utf-8")
    shutil.copy(PROGRAMS / "bench_hooks.py", task.folder)
    return config


def _router_api(task: Task) -> list[str]:
    return [sys.executable, str(PROGRAMS / "router_api.py"), "--messages", str(task.workload.messages), "--config", str(_config(task))]


def _engine(task: Task) -> list[str]:
    spec = task.folder / "spec.json"
    spec.write_text(json.dumps(task.workload.spec()), encoding="utf-8")
    return [str(_example("workload_cost")), str(spec), str(task.workload.messages), ENGINE_ROUNDS, "--json"]


def _states(task: Task) -> list[str]:
    return [str(_example("state_cost")), *task.arguments]


def _example(name: str) -> Path:
    return RELEASE / "examples" / name


def _template(name: str, *command: str) -> Callable[[Task], list[str]]:
    def build(task: Task) -> list[str]:
        text = (PROGRAMS / name).read_text(encoding="utf-8")
        config = task.folder / name
        config.write_text(text.replace("MQTT_PORT", str(task.port)).replace("MQTT_QOS", str(task.qos)), encoding="utf-8")
        return [*command, str(config)]

    return build


def _on_path(program: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(program) else f"`{program}` is not on PATH"


def _installed() -> str | None:
    return None if PRONUBES.exists() else f"`{PRONUBES.name}` is not installed beside this Python; `make bench` installs it"


def _built(name: str) -> Callable[[], str | None]:
    return lambda: None if _example(name).exists() else f"`{name}` is not built; `make bench` builds it"


PEERS = {
    "pronubes": Peer(_pronubes, _installed),
    "router_api": Peer(_router_api, _installed, is_program=True),
    "engine": Peer(_engine, _built("workload_cost"), is_program=True),
    "states": Peer(_states, _built("state_cost"), is_program=True),
    "outage": Peer(lambda _task: [sys.executable, str(PROGRAMS / "outage.py")], _installed, is_program=True),
    "forwarder": Peer(_program("forwarder.py"), lambda: None, is_identity=True),
    "gatherer": Peer(_program("gatherer.py"), lambda: None, is_identity=True),
    "sleeper": Peer(_program("gatherer.py", "--sleep"), lambda: None, is_identity=True),
    "aiomqtt": Peer(_program("aiomqtt_orjson.py"), lambda: None, max_in_flight=2_000),
    "paho": Peer(_program("paho_orjson.py"), lambda: None, max_in_flight=2_000),
    "bento": Peer(_template("bento.yaml", "bento", "-c"), _on_path("bento"), max_in_flight=20_000),
    "telegraf": Peer(_template("telegraf.conf", "telegraf", "--quiet", "--config"), _on_path("telegraf"), max_in_flight=20_000),
}
