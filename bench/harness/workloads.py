"""The work of the scenarios: inputs, what must come back, and the configuration that makes pronubes do it.

A workload is a list of *slots* that the load generator sends round after round. Every payload holds one number of 13 digits,
`17RRRRRSSSSSS` with round and slot, where a time in milliseconds would stand: the generator recognises each message by it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from harness import routesets

__all__ = ["Slot", "Workload", "build", "id_of"]

PORT = "MQTT_PORT"
# Scenarios without the disk in them measure the classes that leave it alone.
DELIVERY = {0: "volatile", 1: "through"}
VARS = {"enterprise": "acme", "site": "site1"}


class WithoutAliases(yaml.CSafeDumper):
    """Writes a list that several routes share out again each time: configurations have no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """One input and what must come back for it: topics with payloads, compared by meaning."""

    topic: str
    payload: str
    outputs: list[tuple[str, str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Workload:
    """Where the slots were written, and the routes (configuration, without sources and sinks) for pronubes."""

    messages: Path
    routes: dict[str, dict[str, Any]]  # Any: configuration as YAML would give it
    is_generated: bool = False
    has_catalog: bool = False

    def spec(self) -> dict[str, Any]:  # Any: JSON
        """The router's specification alone, as the engine takes it; for programs that run the engine without Python."""
        text = json.dumps(self.routes)
        for name, value in VARS.items():
            text = text.replace(f"${{{name}}}", value)
        routes = [{**route, "name": name, "from": ["plant"], "to": [{"sink": "uns"}]} for name, route in json.loads(text).items()]
        contracts = [W1_CONTRACT] if any("contract" in route for route in routes) else []
        catalog = {"bytes": 300 * 2**20, "payload_bytes": 4096} if self.has_catalog else None
        return {"vars": VARS, "sources": ["plant"], "sinks": ["uns"], "catalog": catalog, "contracts": contracts, "routes": routes}

    def config(
        self,
        port: int,
        qos: int,
        source: dict[str, Any],  # Any: as above
        sink: dict[str, Any],  # Any: as above
        *,
        route: dict[str, Any] | None = None,  # Any: as above
        node: dict[str, Any] | None = None,  # Any: as above
    ) -> str:
        """The whole configuration for a broker on `port`, as YAML. Where a route says nothing of it, it promises what costs nothing on the disk."""
        url = f"mqtt://127.0.0.1:{port}"
        document = {
            "version": 1,
            "name": "bench",
            "vars": VARS,
            "sources": {"plant": {"type": "mqtt", "url": url, "topics": ["raw/#"], "qos": qos, **source}},
            "sinks": {"uns": {"type": "mqtt", "url": url, "qos": qos, **sink}},
            "routes": {name: {"delivery": DELIVERY[qos], **written, **(route or {})} for name, written in self.routes.items()},
            **({"catalog": {}} if self.has_catalog else {}),
            **(node or {}),
        }
        return yaml.dump(document, Dumper=WithoutAliases, sort_keys=False, allow_unicode=True, width=10_000)


def id_of(slot: int) -> int:
    """The number that stands for round 0 of a slot."""
    return 1_700_000_000_000 + slot


def build(folder: Path, *, kind: str, **arguments: Any) -> Workload:  # Any: what the kind's function takes
    """Builds a workload and writes its slots into `folder`, once per set of arguments."""
    label = "-".join([kind, *(f"{key}{value}" for key, value in sorted(arguments.items()))])
    path = folder / f"{label}.ndjson"
    slots, routes = KINDS[kind](**arguments)
    if not path.exists():
        partial = path.with_suffix(".part")
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(map(_line, slots))
        partial.rename(path)
    return Workload(path, routes, is_generated=kind == "routeset", has_catalog=kind == "w1_catalog")


def _line(slot: Slot) -> str:
    outputs = ",".join(f'{{"topic":{json.dumps(topic)},"payload":{payload}}}' for topic, payload in slot.outputs)
    return f'{{"topic":{json.dumps(slot.topic)},"payload":{json.dumps(slot.payload)},"outputs":[{outputs}]}}\n'


W1_STEPS: list[dict[str, Any]] = [  # Any: as above
    {"scale": {"field": "value", "factor": 1.8, "offset": 32}},
    {"rename": {"ts": "timestamp_ms"}},
    {"drop": ["quality"], "where": 'payload.quality == "GOOD"'},
    {"set": {"unit": "[degF]"}},
]


def _route(filter_: str, topic: str, steps: list[dict[str, Any]], **more: Any) -> dict[str, Any]:  # Any: as above
    return {"from": "plant", "filter": filter_, **more, "steps": steps, "topic": topic, "to": ["uns"]}


def _value(slot: int) -> float:
    return round(15 + slot * 7919 % 10_007 / 97, 2)


def _reading(slot: int) -> tuple[str, str]:
    """A payload of some 60 bytes and what W1 makes of it; one in 16 is not good and keeps its quality."""
    value, quality = _value(slot), "GOOD" if slot % 16 else "UNCERTAIN"
    payload = f'{{"value": {value}, "ts": {id_of(slot)}, "quality": "{quality}"}}'
    kept = "" if quality == "GOOD" else f'"quality":"{quality}",'
    return payload, f'{{{kept}"value":{value * 1.8 + 32},"timestamp_ms":{id_of(slot)},"unit":"[degF]"}}'


def _levels(slot: int) -> str:
    return f"area{slot // 1000}/line{slot // 100 % 10}/plc{slot // 10 % 10}/tag{slot % 10}"


def w1(tags: int = 10_000) -> tuple[Iterator[Slot], dict[str, Any]]:  # Any: as above
    """The work that every peer does."""
    route = _route("raw/{area}/{line}/{plc}/{tag}", "${enterprise}/${site}/{area}/{line}/{plc}/{tag}", list(W1_STEPS))

    def slots() -> Iterator[Slot]:
        for slot in range(tags):
            payload, expected = _reading(slot)
            yield Slot(f"raw/{_levels(slot)}", payload, [(f"acme/site1/{_levels(slot)}", expected)])

    return slots(), {"w1": route}


# What leaves W1, as a contract of five fields with types and ranges.
W1_CONTRACT: dict[str, Any] = {  # Any: as above
    "name": "measurement",
    "version": 1,
    "mode": "quarantine",
    "fields": [
        {"path": "value", "type": "number", "range": [-40, 800]},
        {"path": "timestamp_ms", "type": "integer", "range": [0, 9_999_999_999_999]},
        {"path": "unit", "type": "string", "enum": ["[degF]", "Cel", "K"]},
        {"path": "quality", "type": "string", "enum": ["GOOD", "UNCERTAIN", "BAD"], "optional": True},
        {"path": "sequence", "type": "integer", "range": [0, None], "optional": True},
    ],
}


def w1_contract(tags: int = 10_000) -> tuple[Iterator[Slot], dict[str, Any]]:  # Any: as above
    """W1 whose results keep a contract; for `Workload.spec` alone."""
    slots, made = w1(tags)
    made["w1"]["contract"] = "measurement@1"
    return slots, made


def w1_hook(hook: str = "scale", tags: int = 10_000, *, process: bool = False) -> tuple[Iterator[Slot], dict[str, Any]]:  # Any: as above
    """W1 with its first step in Python; `peers/bench_hooks.py` has the hooks."""
    slots, made = w1(tags)
    made["w1"]["steps"] = [{"python": {"call": f"bench_hooks:{hook}", "process": process}}, *W1_STEPS[1:]]
    return slots, made


def routes(count: int, tags: int = 10_000) -> tuple[Iterator[Slot], dict[str, Any]]:  # Any: as above
    """W1's work in one of `count` routes: the first level of a topic decides which."""

    def slots() -> Iterator[Slot]:
        for slot in range(tags):
            payload, expected = _reading(slot)
            levels = f"area{slot % count}/line{slot // 100 % 10}/plc{slot // 10 % 10}/tag{slot}"
            yield Slot(f"raw/{levels}", payload, [(f"acme/site1/{levels}", expected)])

    made = {
        f"r{index}": _route(f"raw/area{index}/{{line}}/{{plc}}/{{tag}}", f"${{enterprise}}/${{site}}/area{index}/{{line}}/{{plc}}/{{tag}}", W1_STEPS)
        for index in range(count)
    }
    return slots(), made


def conditions(count: int, expressions: int, tags: int = 1_000) -> tuple[Iterator[Slot], dict[str, Any]]:  # Any: as above
    """Like `routes`, each with a condition and four steps, `expressions` distinct expressions in all."""
    slots, made = routes(count, tags)
    for index, route in enumerate(made.values()):
        number = index % expressions
        route["where"] = f'payload.value > -{100 + number}.0 && payload.quality != "BAD"'
    return slots, made


def w2(machines: int = 500) -> tuple[Iterator[Slot], dict[str, Any]]:  # Any: as above
    """A nested machine state of some 1.4 KB: a condition on two fields lets 28 % pass, five paths become a flat object."""
    picked = {
        "machine_id": "payload.machine.id",
        "speed": "payload.drive.main.speed",
        "temperature": "payload.sensors.spindle.temperature",
        "order": "payload.job.order",
        "timestamp_ms": "payload.header.ts",
    }
    where = 'payload.state.mode == "AUTO" && payload.drive.main.speed > 60.0'
    route = _route("raw/machines/{machine}/state", "acme/site1/machines/{machine}", [{"compute": picked}, {"keep": list(picked)}], where=where)

    def slots() -> Iterator[Slot]:
        for slot in range(machines):
            state = _machine_state(slot)
            flat = {
                "machine_id": state["machine"]["id"],
                "speed": state["drive"]["main"]["speed"],
                "temperature": state["sensors"]["spindle"]["temperature"],
                "order": state["job"]["order"],
                "timestamp_ms": state["header"]["ts"],
            }
            passes = state["state"]["mode"] == "AUTO" and flat["speed"] > 60.0
            outputs = [(f"acme/site1/machines/m{slot}", json.dumps(flat))] if passes else []
            yield Slot(f"raw/machines/m{slot}/state", json.dumps(state), outputs)

    return slots(), {"w2": route}


def _machine_state(slot: int) -> dict[str, Any]:  # Any: JSON
    speed = slot * 37 % 100 + 0.5
    axes = {name: {"position": speed * 3 + index, "load": 41.5 + index, "referenced": True} for index, name in enumerate("xyzabc")}
    sensors = {
        name: {"temperature": 40.0 + (slot + index) % 30 + 0.25, "vibration": 0.013 * (index + 1), "status": "OK"}
        for index, name in enumerate(["spindle", "bearing", "coolant", "hydraulics"])
    }
    return {
        "header": {"ts": id_of(slot), "sequence": slot, "version": "2.1", "schema": "machine-state"},
        "machine": {"id": f"m{slot}", "vendor": "Muster GmbH", "model": "CX-500", "serial": f"SN-{slot:08d}"},
        "state": {"mode": "AUTO" if slot % 10 < 7 else "SETUP", "program": "O1234.NC", "block": 1200 + slot, "door": "closed", "alarms": []},
        "drive": {"main": {"speed": speed, "torque": 12.25, "enabled": True}, "aux": {"speed": 0, "torque": 0.0, "enabled": False}},
        "axes": axes,
        "sensors": sensors,
        "job": {"order": f"FA-{100000 + slot}", "part": "Flansch \\ DN 50", "planned": 250, "good": slot % 250, "scrap": slot % 7},
        "text": "Zustand in Ordnung, nächste Wartung in 120 h",
    }


def w3(objects: int = 100, members: int = 100) -> tuple[Iterator[Slot], dict[str, Any]]:  # Any: as above
    """An object of 100 tags that becomes 100 messages, each under its tag's name."""
    route = _route("raw/{plc}/all", "acme/site1/{plc}/{key}", [{"explode": {"field": "tags"}}, {"rename": {"t": "timestamp_ms"}}])

    def slots() -> Iterator[Slot]:
        for slot in range(objects):
            tags = {f"tag{tag:02d}": {"v": _value(slot + tag), "t": id_of(slot)} for tag in range(members)}
            outputs = [(f"acme/site1/plc{slot}/{name}", json.dumps({"v": member["v"], "timestamp_ms": member["t"]})) for name, member in tags.items()]
            yield Slot(f"raw/plc{slot}/all", json.dumps({"tags": tags}), outputs)

    return slots(), {"w3": route}


def routeset(seed: int, slots: int = 2_000) -> tuple[Iterator[Slot], dict[str, Any]]:  # Any: as above
    """Generated routes and messages, with what an independent oracle says must come back."""
    generated = routesets.generate(seed, slots)
    return (Slot(message.topic, message.payload, message.outputs) for message in generated.messages), generated.routes


KINDS: dict[str, Callable[..., tuple[Iterator[Slot], dict[str, Any]]]] = {
    "w1": w1,
    "w1_catalog": w1,
    "w1_contract": w1_contract,
    "w1_hook": w1_hook,
    "w2": w2,
    "w3": w3,
    "routes": routes,
    "conditions": conditions,
    "routeset": routeset,
}
