"""Requests and values: packing, byte orders, scaling."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronubes.connectors.modbus.blocks import MOST_BITS, MOST_REGISTERS, Block, decode, plan_blocks
from pronubes.connectors.modbus.tags import WORDS, Tag

FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "uint64": ">Q", "float32": ">f", "float64": ">d"}


def registers(data: bytes, order: str) -> list[int]:
    """Put a value's bytes into registers as the vendor's order says: an independent reading of the four names."""
    words = [data[index : index + 2] for index in range(0, len(data), 2)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [word[::-1] for word in words]
    return [int.from_bytes(word, "big") for word in words]


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA"])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int16", -2),
        ("uint16", 65_533),
        ("int32", -100_000),
        ("uint32", 4_000_000_000),
        ("int64", -(2**40)),
        ("uint64", 2**63 + 5),
        ("float32", 21.5),
        ("float64", 1e-9),
    ],
)
def test_every_type_in_every_order(kind, value, order):
    tag = Tag("x", "holding", 5, kind, order=order)
    block = Block(1, "holding", 3, 10, (tag,))
    answer = [9, 9, *registers(struct.pack(FORMATS[kind], value), order), 9, 9]
    assert decode(tag, block, answer) == value


def test_orders_are_told_apart():
    data = bytes([1, 2, 3, 4])
    assert {order: registers(data, order) for order in ("ABCD", "CDAB", "BADC", "DCBA")} == {
        "ABCD": [0x0102, 0x0304], "CDAB": [0x0304, 0x0102], "BADC": [0x0201, 0x0403], "DCBA": [0x0403, 0x0201]}  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "scale", "offset", "value"), [(3, 0.1, 0.0, 0.3), (213, 0.1, -40.0, -18.7), (7, 2.0, 0.0, 14.0), (1, None, 0.5, 1.5)]
)
def test_scaled_integers_have_no_rounding_dust(raw, scale, offset, value):
    tag = Tag("x", "holding", 0, "uint16", scale=scale, offset=offset)
    assert decode(tag, Block(1, "holding", 0, 1, (tag,)), [raw]) == value


def test_a_float32_is_the_shortest_text_that_gives_it():
    tag = Tag("x", "holding", 0, "float32")
    assert decode(tag, Block(1, "holding", 0, 2, (tag,)), registers(struct.pack(">f", 21.3), "ABCD")) == 21.3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_no_value(value):
    tag = Tag("x", "holding", 0, "float32")
    assert decode(tag, Block(1, "holding", 0, 2, (tag,)), registers(struct.pack(">f", value), "ABCD")) is None


def test_the_sentinel_of_the_device_is_no_value():
    tag = Tag("x", "holding", 0, "int16", invalid=-32768)
    assert decode(tag, Block(1, "holding", 0, 1, (tag,)), [0x8000]) is None


def test_bits():
    coil, bit = Tag("c", "coil", 4, "bool"), Tag("b", "holding", 0, "bool", bit=3)
    assert decode(coil, Block(1, "coil", 3, 2, (coil,)), [False, True]) is True
    assert [decode(bit, Block(1, "holding", 0, 1, (bit,)), [word]) for word in (0b1000, 0b0111)] == [True, False]


tags = st.builds(
    lambda number, table, address, kind, device: Tag(
        f"t{number}", table, address, "bool" if table == "coil" else kind, device=device, bit=0),
    st.integers(0, 10**9), st.sampled_from(["holding", "input", "coil"]), st.integers(0, 3000), st.sampled_from(sorted(set(WORDS) - {"bool"})),
    st.integers(1, 2),
)  # fmt: skip


@given(st.lists(tags, max_size=60), st.integers(0, 20))
def test_blocks_hold_every_tag_once_within_the_limits(some_tags, most_gap):
    blocks = plan_blocks(some_tags, most_gap=most_gap)
    assert sorted(id(tag) for block in blocks for tag in block.tags) == sorted(id(tag) for tag in some_tags)
    for block in blocks:
        assert block.count <= (MOST_BITS if block.table == "coil" else MOST_REGISTERS)
        for tag in block.tags:
            assert (tag.device, tag.table) == (block.device, block.table)
            assert block.address <= tag.address
            assert tag.address + tag.words <= block.address + block.count
