"""The Modbus source against a server of another code base (pyModbusTCP), and against devices that do not behave."""

from __future__ import annotations

import asyncio
import contextlib
import struct

import pytest
from pyModbusTCP.server import DataBank, ModbusServer

from pronubes.connectors.base import NotConnected
from pronubes.connectors.modbus.source import ModbusOptions, ModbusSource
from pronubes.connectors.status import Status

TAGS = """tag,table,address,type,order,scale,unit,group
temp,holding,0,int16,,0.1,Cel,
torque,holding,10,float32,CDAB,,N.m,
count,input,3,uint32,,,,slow
motor,coil,5,bool,,,,
missing,holding,9000,int16,,,,slow
"""


@pytest.fixture
def bank():
    bank = DataBank(h_regs_size=100, i_regs_size=100, coils_size=100)
    bank.set_holding_registers(0, [0x10000 - 25])
    high, low = struct.unpack(">HH", struct.pack(">f", 2.5))
    bank.set_holding_registers(10, [low, high])
    bank.set_input_registers(3, [1, 2])
    bank.set_coils(5, [True])
    return bank


@pytest.fixture
def server(bank, free_port):
    server = ModbusServer("127.0.0.1", free_port(), no_block=True, data_bank=bank)
    server.start()
    yield server
    server.stop()


def make_source(context, port, **options):
    (context.base_dir / "tags.csv").write_text(TAGS)
    poll = {"default": "20ms", "slow": "60ms"}
    return ModbusSource(ModbusOptions(url=f"tcp://127.0.0.1:{port}", tags="tags.csv", poll=poll, timeout="300ms", **options), context)


def as_dict(batch):
    return {topic: (value, status, unit) for topic, value, status, unit in zip(batch.topics, batch.values, batch.statuses, batch.units, strict=True)}


async def test_values_of_another_code_bases_server(server, context):
    source = make_source(context, server.port)
    await source.open()
    seen = {}
    while len(seen) < 5:
        seen |= as_dict(await source.read())
    await source.close()
    assert seen == {
        "source/temp": (-2.5, Status.GOOD, "Cel"),
        "source/torque": (2.5, Status.GOOD, "N.m"),
        "source/count": (65538, Status.GOOD, None),
        "source/motor": (True, Status.GOOD, None),
        "source/missing": (None, Status.BAD_CONFIGURATION_ERROR, None),  # the device refuses the address: its neighbours are not disturbed
    }


async def test_a_poll_group_keeps_its_interval(server, context):
    source = make_source(context, server.port)
    await source.open()
    loop = asyncio.get_running_loop()
    began = loop.time()
    polls = [list((await source.read()).topics) for _ in range(9)]
    elapsed = loop.time() - began
    await source.close()
    fast = sum("source/temp" in topics for topics in polls)
    assert 0 < fast < 9
    assert elapsed >= 0.02 * (fast - 1)


async def test_a_device_that_is_not_there_is_told_once_as_bad_then_as_not_connected(context, free_port):
    source = make_source(context, free_port())
    await source.open()
    batch = await source.read()
    assert set(batch.statuses) == {Status.BAD_NO_COMMUNICATION}
    assert set(batch.values) == {None}
    assert batch.origins[0] == "coil 5 of device 1"
    with pytest.raises(NotConnected):
        await source.read()
    await source.close()
    with pytest.raises(NotConnected):
        await source.open()
    await source.close()


@contextlib.asynccontextmanager
async def odd_device(answer):
    """A device that answers each request with whatever `answer` makes of it."""
    serving = set()

    async def serve(reader, writer):
        serving.add(asyncio.current_task())
        try:
            while request := await reader.read(12):
                reply = answer(request)
                if reply is not None:
                    writer.write(reply)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*serving)


ODD_ANSWERS = {
    "none at all": lambda _request: None,
    "another transaction's": lambda request: bytes([request[0] ^ 0xFF, request[1]]) + b"\0\0\0\5\1\3\2\0\7",
    "nothing in it": lambda request: request[:2] + b"\0\0\0\3\1" + request[7:8] + b"\0",
    "noise": lambda _request: b"\xff" * 40,
}


@pytest.mark.parametrize("name", ODD_ANSWERS)
async def test_an_odd_answer_is_bad_and_never_a_wrong_value(name, context):
    async with odd_device(ODD_ANSWERS[name]) as port:
        source = make_source(context, port)
        await source.open()
        asked, all_tags = await source.read(), await source.read()
        with pytest.raises(NotConnected):
            await source.read()
        await source.close()
    assert set(asked.values) == set(all_tags.values) == {None}
    assert set(asked.statuses) <= {Status.BAD_NO_COMMUNICATION, Status.BAD_UNKNOWN_RESPONSE}
    assert set(all_tags.statuses) == {Status.BAD_NO_COMMUNICATION}
    assert len(all_tags.topics) == 5


EXCEPTIONS = {
    1: Status.BAD_NOT_SUPPORTED,
    2: Status.BAD_CONFIGURATION_ERROR,
    4: Status.BAD_DEVICE_FAILURE,
    6: Status.BAD_SERVER_TOO_BUSY,
    11: Status.BAD_NO_COMMUNICATION,
    99: Status.BAD,
}


@pytest.mark.parametrize("code", EXCEPTIONS)
async def test_an_exception_of_the_device_says_why_in_the_status(code, context):
    def answer(request):
        return request[:2] + b"\0\0\0\3" + request[6:7] + bytes([request[7] | 0x80, code])

    async with odd_device(answer) as port:
        source = make_source(context, port)
        await source.open()
        batch = await source.read()
        await source.close()
    assert set(batch.statuses) == {EXCEPTIONS[code]}
    assert set(batch.values) == {None}


async def until_not_connected(source):
    """Read until the source gives up; return the last batch before."""
    batch = None
    with contextlib.suppress(NotConnected):
        while True:
            batch = await source.read()
    return batch


async def test_values_come_back_when_the_device_does(server, context):
    source = make_source(context, server.port)
    await source.open()
    await source.read()
    server.stop()
    last = await until_not_connected(source)
    assert set(last.statuses) == {Status.BAD_NO_COMMUNICATION}
    await source.close()
    server.start()
    await source.open()
    batch = await source.read()
    await source.close()
    assert Status.GOOD in batch.statuses
