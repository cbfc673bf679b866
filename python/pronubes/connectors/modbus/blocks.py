"""Which requests read a tag list, and what the answers mean. Pure: no socket, no clock."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pronubes.connectors.modbus.tags import Table, Tag

__all__ = ["Block", "decode", "plan_blocks", "scaled"]

MOST_REGISTERS = 125
"""Per request (V1.1b3 §6.3)."""
MOST_BITS = 2000
"""Per request (V1.1b3 §6.1)."""
_FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "uint64": ">Q", "float32": ">f", "float64": ">d"}


@dataclass(frozen=True, slots=True)
class Block:
    """One request: `count` registers or bits from `address` on, and the tags that lie in them."""

    device: int
    table: Table
    address: int
    count: int
    tags: tuple[Tag, ...]


def plan_blocks(tags: Iterable[Tag], *, most_gap: int) -> list[Block]:
    """Pack tags into few requests.

    Args:
        tags: Tags of one poll group.
        most_gap: How many registers (or bits) between two tags are read along rather than asking twice.
    """
    ordered = sorted(tags, key=lambda tag: (tag.device, tag.table, tag.address))
    blocks: list[Block] = []
    run: list[Tag] = []
    for tag in ordered:
        if run and not _fits(run, tag, most_gap):
            blocks.append(_block(run))
            run = []
        run.append(tag)
    if run:
        blocks.append(_block(run))
    return blocks


def _fits(run: Sequence[Tag], tag: Tag, most_gap: int) -> bool:
    first = run[0]
    if (first.device, first.table) != (tag.device, tag.table):
        return False
    end = max(other.address + other.words for other in run)
    most = MOST_BITS if tag.table in {"coil", "discrete"} else MOST_REGISTERS
    return tag.address - end <= most_gap and tag.address + tag.words - first.address <= most


def _block(run: Sequence[Tag]) -> Block:
    first = run[0]
    end = max(tag.address + tag.words for tag in run)
    return Block(first.device, first.table, first.address, end - first.address, tuple(run))


def decode(tag: Tag, block: Block, answer: Sequence[int] | Sequence[bool]) -> float | int | bool | None:
    """Read a tag's value out of an answer.

    Returns:
        The value in the tag's unit; None when the device says that it has none: its `invalid` number, NaN or infinity.
    """
    start = tag.address - block.address
    if tag.table in {"coil", "discrete"}:
        return bool(answer[start])
    registers = [int(register) for register in answer[start : start + tag.words]]
    if tag.type == "bool":
        return bool(_swapped(registers, tag.order)[0] >> (tag.bit or 0) & 1)
    raw: float | int = struct.unpack(_FORMATS[tag.type], struct.pack(f">{len(registers)}H", *_swapped(registers, tag.order)))[0]
    if isinstance(raw, float) and not math.isfinite(raw):
        return None
    if tag.invalid is not None and raw == tag.invalid:
        return None
    return scaled(raw, tag)


def _swapped(registers: list[int], order: str) -> list[int]:
    """Bring registers into the standard's order: ABCD (§4.2, big-endian)."""
    if order in {"CDAB", "DCBA"}:
        registers = registers.copy()
        registers.reverse()
    if order in {"BADC", "DCBA"}:
        registers = [(register & 0xFF) << 8 | register >> 8 for register in registers]
    return registers


def scaled(raw: float, tag: Tag) -> float | int:
    """Turn what the registers hold into the value in the tag's unit."""
    if isinstance(raw, float) and tag.type == "float32":
        # The shortest text that gives the same 32-bit number: 21.3, not 21.299999237060547.
        raw = float(f"{raw:.9g}") if struct.pack(">f", float(f"{raw:.7g}")) != struct.pack(">f", raw) else float(f"{raw:.7g}")
    if tag.scale is None and not tag.offset:
        return raw
    value = raw * (1.0 if tag.scale is None else tag.scale) + tag.offset
    if isinstance(raw, int):
        # 3 * 0.1 is 0.3 to everybody but a computer: as many decimals as factor and offset have, no more.
        return round(value, _decimals(tag.scale or 1.0) + _decimals(tag.offset))
    return value


def _decimals(number: float) -> int:
    text = f"{number:.15g}"
    mantissa, _, exponent = text.partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(exponent or 0))
