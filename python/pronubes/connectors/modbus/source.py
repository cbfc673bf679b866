"""The polling side: one connection per device or gateway, poll groups with their own intervals, quality when there is no answer.

A tag that cannot be read is not left at its old value in silence: it is sent once per poll with no value and a status of OPC UA that is bad and says
why. After a time-out the connection is closed, so that a late answer is never taken for the answer to the next request.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from pronubes.connectors.base import NotConnected, Settlement, SourceBatch
from pronubes.connectors.modbus.blocks import Block, decode, plan_blocks
from pronubes.connectors.modbus.tags import load_tags
from pronubes.connectors.naming import name_tags
from pronubes.connectors.options import SourceConnector, TagSourceOptions
from pronubes.connectors.status import Status
from pronubes.connectors.values import Duration, refuse
from pronubes.tags.naming import SourceTag, TagProblem
from pronubes.telemetry import emit, events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pymodbus.client import AsyncModbusTcpClient

    from pronubes.connectors.base import ConnectorContext
    from pronubes.connectors.modbus.tags import Tag
    from pronubes.tags.naming import Named

__all__ = ["SOURCE", "ModbusOptions", "ModbusSource"]

_EXCEPTIONS = {
    1: Status.BAD_NOT_SUPPORTED,  # illegal function
    2: Status.BAD_CONFIGURATION_ERROR,  # illegal data address: the tag list asks for what the device does not have
    3: Status.BAD_CONFIGURATION_ERROR,  # illegal data value: of a read, the number of registers
    4: Status.BAD_DEVICE_FAILURE,
    5: Status.BAD_WAITING_FOR_RESPONSE,  # acknowledge
    6: Status.BAD_SERVER_TOO_BUSY,
    8: Status.BAD_DEVICE_FAILURE,  # memory parity error
    10: Status.BAD_NO_COMMUNICATION,  # gateway path unavailable
    11: Status.BAD_NO_COMMUNICATION,  # gateway target device failed to respond
}
"""What the exception codes of Modbus (V1.1b3 §7) say in OPC UA. An exception that the standard does not have is bad, and no more is known."""

LEAST_POLL_S = 0.01
"""Polling faster than this can stop a PLC."""


class ModbusOptions(TagSourceOptions):
    """Options of a `modbus` source."""

    tag_values: ClassVar[tuple[str, ...]] = ("group", "device")

    url: str
    """`tcp://HOST:PORT`; the port is 502 when it is left out."""
    tags: str
    """The tag list, a CSV file; a relative path counts from the configuration file."""
    poll: dict[str, Duration] = Field(default_factory=lambda: {"default": 1.0})
    """How often each poll group is read; tags without a group are in `default`."""
    address_base: int = Field(default=0, ge=0, le=1)
    """Whether the tag list counts addresses from 0 (as the protocol does) or from 1 (as many manuals do)."""
    timeout: Duration = Field(default=1.0, gt=0, le=60)
    """How long an answer may take."""
    most_gap: int = Field(default=8, ge=0, le=120)
    """How many unused registers between two tags are read along rather than asking twice."""
    allow_plaintext: bool = False
    """Modbus TCP has no protection of its own: beyond this machine it must be allowed in writing."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme != "tcp" or not parts.hostname or parts.path not in {"", "/"}:
            raise refuse("This is not the address of a Modbus TCP device.", expected="`tcp://HOST:PORT`")
        return url

    @field_validator("poll")
    @classmethod
    def _has_default(cls, poll: dict[str, float]) -> dict[str, float]:
        for group, interval_s in poll.items():
            if interval_s < LEAST_POLL_S:
                raise refuse(
                    f"Poll group `{group}` would be read every {interval_s:g} s.", expected=f"at least {LEAST_POLL_S:g} s: devices stop under more"
                )
        return {"default": 1.0, **poll}

    @property
    def host(self) -> str:
        """The host of `url`."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port of `url`."""
        return urlsplit(self.url).port or 502

    def endpoint(self) -> str | None:
        """Name the device."""
        return f"tcp://{self.host}:{self.port}"

    def filters(self) -> Sequence[str] | None:
        """Cover the tags' topics with one level in the place of each name."""
        return None

    def tag_list(self, base_dir: Path) -> Sequence[SourceTag]:
        """Read the tag list."""
        tags, problems = load_tags(base_dir / self.tags, address_base=self.address_base)
        if problems:
            raise ValueError(f"line {problems[0].row}: found {problems[0].found}, expected {problems[0].expected}")
        return [_source_tag(tag) for tag in tags]

    def files(self) -> Sequence[str]:
        """Name the tag list."""
        return [self.tags]

    def file_problems(self, base_dir: Path) -> Sequence[tuple[Path, TagProblem]]:
        """Check the tag list; `check` shows what is wrong with file, row and column."""
        path = base_dir / self.tags
        try:
            tags, problems = load_tags(path, address_base=self.address_base)
        except OSError as error:
            return [(path, TagProblem(1, "", error.strerror or "an error", "a tag list that can be read"))]
        if not problems:
            problems = _group_problems(tags, self.poll)
        return [(path, problem) for problem in problems]


def _source_tag(tag: Tag) -> SourceTag:
    return SourceTag(tag.name, {"group": tag.group, "device": str(tag.device)}, tag.unit, tag.line)


def _group_problems(tags: Sequence[Tag], poll: dict[str, float]) -> list[TagProblem]:
    unknown = {tag.group: tag.name for tag in reversed(tags) if tag.group not in poll}
    return [
        TagProblem(1, "group", group, f"one of {', '.join(poll)}", f"Tag `{name}` has it; add `{group}: 1s` under `poll`.")
        for group, name in unknown.items()
    ]


def _value(tag: Tag, block: Block, answer: Sequence[int] | Sequence[bool]) -> tuple[float | int | bool | None, Status]:
    value = decode(tag, block, answer)
    if value is None:
        return None, Status.BAD  # the device says that it has no value, and not why
    if isinstance(value, float) and not math.isfinite(value):
        return None, Status.BAD_OUT_OF_RANGE  # scaled beyond what a number can be
    return value, Status.GOOD


class _Group:
    """A poll group: its requests, its columns, and when it is due."""

    def __init__(self, interval_s: float, tags: Sequence[Tag], names: Mapping[str, Named], most_gap: int) -> None:
        self.interval_s = interval_s
        self.blocks = plan_blocks(tags, most_gap=most_gap)
        self.due_s: float | None = None
        self.fault: str | None = None
        ordered = [names[tag.name] for block in self.blocks for tag in block.tags]
        self.topics = [named.topic for named in ordered]
        self.units = [named.unit for named in ordered]
        self.origins = [f"{tag.table} {tag.address} of device {tag.device}" for block in self.blocks for tag in block.tags]


class ModbusSource:
    """Implements `BatchSource`."""

    def __init__(self, options: ModbusOptions, context: ConnectorContext) -> None:
        self._options = options
        self._context = context
        self._client: AsyncModbusTcpClient | None = None
        self._groups: list[_Group] = []
        self._lost: str | None = None
        self._has_told_bad = False

    async def open(self) -> None:
        """Connect. A device that is not there is told once as bad values, then as `NotConnected`.

        Raises:
            NotConnected: The device is not reachable, or the tag list cannot be read.
        """
        from pymodbus.client import AsyncModbusTcpClient

        if not self._groups:
            self._groups = await asyncio.to_thread(self._load)
        options = self._options
        self._lost = None
        self._client = AsyncModbusTcpClient(options.host, port=options.port, timeout=options.timeout, retries=0, reconnect_delay=0)
        if not await self._client.connect():
            why = f"{options.endpoint()} does not answer."
            if self._has_told_bad:
                raise NotConnected(why)
            self._lost = why

    def _load(self) -> list[_Group]:
        options = self._options
        try:
            tags, problems = load_tags(self._context.base_dir / options.tags, address_base=options.address_base)
        except OSError as error:
            raise NotConnected(f"{options.tags}: {error.strerror}") from error
        if problems:
            first = problems[0]
            raise NotConnected(f"{options.tags}:{first.row}: {first.column}: found {first.found}, expected {first.expected}.")
        names = name_tags(options, self._context, [_source_tag(tag) for tag in tags])
        groups = []
        for name, interval_s in options.poll.items():
            members = [tag for tag in tags if tag.group == name]
            if members:
                groups.append(_Group(interval_s, members, names, options.most_gap))
        return groups

    async def read(self) -> SourceBatch:
        """Wait until a poll group is due and read it.

        Raises:
            NotConnected: The connection was lost; every tag was told as bad before.
        """
        if self._lost is not None:
            return self._tell_lost(self._lost)
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        due_s, _, group = min((now_s if one.due_s is None else one.due_s, number, one) for number, one in enumerate(self._groups))
        if due_s > now_s:
            await asyncio.sleep(due_s - now_s)
        # A poll that took longer than its interval is not made up for: the device has enough to do.
        group.due_s = max(due_s + group.interval_s, loop.time())
        return await self._poll(group)

    def _tell_lost(self, why: str) -> SourceBatch:
        if self._has_told_bad:
            raise NotConnected(why)
        self._has_told_bad = True
        count = sum(len(group.topics) for group in self._groups)
        return self._batch(self._groups, [None] * count, [Status.BAD_NO_COMMUNICATION] * count)

    async def _poll(self, group: _Group) -> SourceBatch:
        values: list[float | int | bool | None] = []
        statuses: list[Status] = []
        fault: str | None = None
        for block in group.blocks:
            answer, why = await self._ask(block) if self._lost is None else (Status.BAD_NO_COMMUNICATION, self._lost)
            fault = fault or why
            for tag in block.tags:
                value, status = (None, answer) if isinstance(answer, Status) else _value(tag, block, answer)
                values.append(value)
                statuses.append(status)
        self._tell(group, fault)
        self._has_told_bad = False
        return self._batch([group], values, statuses)

    async def _ask(self, block: Block) -> tuple[Sequence[int] | Sequence[bool] | Status, str | None]:
        """Read a block: what stands there, or a status and a sentence that say why not."""
        from pymodbus.exceptions import ModbusException

        client = self._client
        if client is None:
            return Status.BAD_NO_COMMUNICATION, "not connected"
        request: Any = {  # Any: four methods of one shape
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
        }[block.table]
        where = f"{block.table} {block.address}..{block.address + block.count - 1} of device {block.device}"
        try:
            response = await request(block.address, count=block.count, device_id=block.device)
        except (ModbusException, OSError, TimeoutError) as error:
            self._lost = f"no answer for {where}: {error}"
            return Status.BAD_NO_COMMUNICATION, self._lost
        if response.isError():
            code = getattr(response, "exception_code", None)
            status = _EXCEPTIONS.get(code, Status.BAD) if isinstance(code, int) else Status.BAD
            return status, f"the device refused {where}: exception code {'?' if code is None else code}"
        answer: Sequence[int] | Sequence[bool] = response.bits if block.table in {"coil", "discrete"} else response.registers
        if len(answer) < block.count:
            self._lost = f"a short answer for {where}: {len(answer)} of {block.count}"
            return Status.BAD_UNKNOWN_RESPONSE, self._lost
        return answer, None

    def _tell(self, group: _Group, fault: str | None) -> None:
        was_well = all(one.fault is None for one in self._groups)
        if fault is not None and group.fault is None:
            emit(events.DeviceFault(source=self._context.name, address=self._options.endpoint() or "", error=fault))
        group.fault = fault
        if not was_well and all(one.fault is None for one in self._groups):
            emit(events.DeviceWell(source=self._context.name, address=self._options.endpoint() or ""))

    def _batch(self, groups: Sequence[_Group], values: Sequence[float | int | bool | None], statuses: Sequence[Status]) -> SourceBatch:
        now_ns = self._context.now_ns()  # Modbus has no time of its own: the end of the read is the time of the value
        return SourceBatch(
            topics=[topic for group in groups for topic in group.topics],
            values=values,
            statuses=statuses,
            units=[unit for group in groups for unit in group.units],
            origins=[origin for group in groups for origin in group.origins],
            source_ns=[now_ns] * len(values),
        )

    async def settle(self, position: object, outcome: Settlement) -> None:
        """A device does not wait for acknowledgement."""

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None


SOURCE = SourceConnector(
    options=ModbusOptions,
    implementation="pronubes.connectors.modbus.source:ModbusSource",
    example="{type: modbus, url: tcp://127.0.0.1:5020, tags: tags.csv, poll: {default: 1s, slow: 10s}}",
)
