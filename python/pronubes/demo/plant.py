"""The simulated bottling hall: two lines of five machines with MQTT sensors, and two PLCs that answer Modbus requests.

A process of its own (`python -m pronubes.demo.plant`), so that the router is not mixed with what it routes. A few things are broken on purpose:
a sensor that sends half a JSON object, one whose value is text, one that names a field twice, one that says itself that it is BAD, one with a broken
wire that reads 850 degrees, a probe of a PLC that does not exist, and the packer's PLC that goes away now and then.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import random
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Machine", "main"]

LINES = ("line1", "line2")
MACHINES = ("washer", "filler", "capper", "labeller", "packer")
TEMPERATURES = 40
PRESSURES = 25
REGISTERS = 400
OUTAGE_EVERY_S = 60.0
OUTAGE_S = 5.0


@dataclass
class Machine:
    """One machine: it runs, sometimes stops or faults, and its values follow."""

    line: str
    name: str
    randomness: random.Random
    state: int = 2
    speed: float = 34_000.0
    until_s: float = 0.0

    def step(self, now_s: float) -> bool:
        """Go on to `now_s`; tell whether the state changed."""
        target = 34_000.0 if self.state == 2 else 0.0
        self.speed += (target - self.speed) * 0.2 + self.randomness.gauss(0, 60)
        if now_s < self.until_s:
            return False
        is_first = self.until_s == 0.0
        stops = {0: 1, 1: 2, 2: self.randomness.choice((0, 3, 2, 2)), 3: 0}
        self.state = 2 if is_first else stops[self.state]
        self.until_s = now_s + self.randomness.uniform(4, 12 if self.state != 2 else 40)
        return True

    def messages(self, now_s: float, phase: int) -> Iterator[tuple[str, str]]:
        """Make what its sensors publish in one of ten phases of a period."""
        root = f"raw/bottling/{self.line}/{self.name}"
        ts = int(now_s * 1000)
        for number in range(phase, TEMPERATURES, 10):
            value = 62 + 14 * math.sin(now_s / (40 + number)) + number / 8 + self.randomness.gauss(0, 0.2)
            yield f"{root}/temp/temp{number + 1:02d}", f'{{"value": {value:.3f}, "ts": {ts}, "quality": "GOOD"}}'
        for number in range(phase, PRESSURES, 10):
            value = 3200 + 400 * math.sin(now_s / (15 + number)) + self.randomness.gauss(0, 5)
            yield f"{root}/pressure/pressure{number + 1:02d}", f'{{"value": {value:.1f}, "ts": {ts}, "quality": "GOOD"}}'
        if phase == 0:
            yield f"{root}/speed/speed", f'{{"value": {max(self.speed, 0):.0f}, "ts": {ts}, "quality": "GOOD"}}'


def faults(now_s: float, phase: int) -> Iterator[tuple[str, str]]:
    """Make what the broken sensors publish."""
    root = "raw/bottling/line2/labeller/temp"
    ts = int(now_s * 1000)
    broken = {
        1: ("half", f'{{"value": 21.5, "ts": {ts}, "qual'),
        3: ("wordy", f'{{"value": "n/a", "ts": {ts}, "quality": "GOOD"}}'),
        5: ("twice", f'{{"value": 21.5, "value": 71.5, "ts": {ts}, "quality": "GOOD"}}'),
        7: ("honest", f'{{"value": null, "ts": {ts}, "quality": "BAD"}}'),
    }
    if phase == 9:
        yield f"{root}/broken_wire", f'{{"value": 850.0, "ts": {ts}, "quality": "GOOD"}}'  # what a Pt100 with an open circuit reads
    if phase in broken:
        name, payload = broken[phase]
        yield f"{root}/{name}", payload


async def run_sensors(host: str, port: int, seed: int) -> None:
    """Publish every sensor's value once per two seconds, spread over ten phases; reconnect for ever."""
    import aiomqtt

    randomness = random.Random(seed)  # noqa: S311 - a simulation
    machines = [Machine(line, name, randomness) for line in LINES for name in MACHINES]
    while True:
        with contextlib.suppress(aiomqtt.MqttError):
            async with aiomqtt.Client(host, port, identifier="simulated-hall") as client:
                await _publish(client.publish, machines)
        await asyncio.sleep(0.5)


async def _publish(publish: Callable[..., object], machines: list[Machine]) -> None:
    phase = 0
    while True:
        now_s = time.time()
        for machine in machines:
            if machine.step(now_s):
                topic = f"raw/bottling/{machine.line}/{machine.name}/state"
                await publish(topic, f'{{"state": {machine.state}, "ts": {int(now_s * 1000)}}}')  # type: ignore[misc]  # aiomqtt's coroutine
            for topic, payload in machine.messages(now_s, phase):
                await publish(topic, payload)  # type: ignore[misc]  # aiomqtt's coroutine
        for topic, payload in faults(now_s, phase):
            await publish(topic, payload)  # type: ignore[misc]  # aiomqtt's coroutine
        phase = (phase + 1) % 10
        await asyncio.sleep(0.2)


def _words(form: str, value: float) -> list[int]:
    high, low = struct.unpack(">HH", struct.pack(form, value))
    return [low, high]


def holding_registers(now_s: float, randomness: random.Random) -> list[int]:
    """Make a PLC's holding registers as the tag lists describe them."""
    registers = [0] * REGISTERS
    for number in range(60):
        registers[number] = int(500 + 450 * math.sin(now_s / (7 + number)))
    for number in range(40):
        torque = 2.4 + 0.3 * math.sin(now_s / (3 + number)) + randomness.gauss(0, 0.02)
        registers[100 + number * 2 : 102 + number * 2] = _words(">f", torque)
    for number in range(20):
        registers[200 + number * 2 : 202 + number * 2] = _words(">I", int(now_s * 3) % 2**31 + number)
    registers[300] = 1 << (int(now_s / 10) % 9) if int(now_s) % 3 == 0 else 0
    return registers


async def run_plc(host: str, port: int, *, seed: int, has_outages: bool) -> None:
    """Serve one PLC; with outages it goes away now and then, as a PLC on a bad switch does."""
    while True:
        began_s = time.monotonic()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(OUTAGE_EVERY_S if has_outages else None):
                await _serve_plc(host, port, random.Random(seed))  # noqa: S311 - a simulation
        await asyncio.sleep(OUTAGE_S if time.monotonic() - began_s > 1 else 0.5)


async def _serve_plc(host: str, port: int, randomness: random.Random) -> None:
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    async def refresh(function: int, start: int, _address: int, _count: int, current: list[int], written: object) -> None:
        now_s = time.time()
        if written is not None:
            return
        if function == 3:
            current[: REGISTERS - start] = holding_registers(now_s, randomness)[start:]
        elif function == 4 and start == 0:
            current[0:2] = [int(180 + 60 * math.sin(now_s / 30)), int(600 + 30 * math.sin(now_s / 20))]

    device = SimDevice(
        id=1,
        simdata=(
            [SimData(0, count=16, values=True, datatype=DataType.BITS)],
            [SimData(0, count=16, values=True, datatype=DataType.BITS)],
            [SimData(0, count=REGISTERS, values=0, datatype=DataType.REGISTERS)],
            [SimData(0, count=10, values=0, datatype=DataType.REGISTERS)],
        ),
        action=refresh,
    )
    server = ModbusTcpServer(device, address=(host, port))
    try:
        await server.serve_forever()
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus does not annotate it


async def _run(arguments: argparse.Namespace) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(run_sensors(arguments.host, arguments.mqtt, arguments.seed))
        group.create_task(run_plc(arguments.host, arguments.filler, seed=arguments.seed + 1, has_outages=False))
        group.create_task(run_plc(arguments.host, arguments.packer, seed=arguments.seed + 2, has_outages=True))


def main() -> None:
    """Run the plant until interrupted."""
    parser = argparse.ArgumentParser(description="The simulated bottling hall.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--mqtt", type=int, required=True, help="port of the broker that the sensors publish to")
    parser.add_argument("--filler", type=int, required=True, help="port on which the filler's PLC answers")
    parser.add_argument("--packer", type=int, required=True, help="port on which the packer's PLC answers")
    parser.add_argument("--seed", type=int, default=7)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
