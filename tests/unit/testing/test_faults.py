"""Each fault of the proxy, seen from both ends."""

from __future__ import annotations

import asyncio

import pytest

from pronubes.testing import FaultProxy
from pronubes.testing.faults import Bandwidth, Blackhole, Latency, LimitData, Refuse, ResetPeer, Slicer, SlowClose


class Echo:
    """A server that sends back what comes, and keeps the chunks it saw."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.ended = asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        try:
            while chunk := await reader.read(65536):
                self.chunks.append(chunk)
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            self.ended.set()
            writer.close()


@pytest.fixture
async def echo():
    async with Echo() as server:
        yield server


@pytest.fixture
async def proxy(echo):
    async with FaultProxy(echo.port, seed=7) as one:
        yield one


async def ask(proxy, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(data)
        async with asyncio.timeout(5):
            return await reader.readexactly(len(data))
    finally:
        writer.close()


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_without_faults_bytes_pass_and_are_counted(proxy):
    data = bytes(300_000)
    assert await ask(proxy, data) == data
    assert (proxy.counts.connections, proxy.counts.bytes_up, proxy.counts.bytes_down) == (1, 300_000, 300_000)


async def test_latency_holds_each_chunk_and_keeps_the_order(proxy):
    proxy.set(Latency(0.05, jitter_s=0.02))
    began = now()
    assert await ask(proxy, b"abc") == b"abc"
    assert now() - began >= 2 * 0.03


async def test_bandwidth_bounds_the_rate(proxy):
    proxy.set(Bandwidth(100_000, direction="up"))
    began = now()
    await ask(proxy, bytes(10_000))
    assert now() - began >= 0.09


async def test_the_slicer_writes_single_bytes(proxy, echo):
    proxy.set(Slicer(pause_s=0.001, direction="up"))
    assert await ask(proxy, b"0123456789") == b"0123456789"
    assert len(echo.chunks) >= 5


async def test_a_black_hole_swallows_bytes_and_ends(proxy, echo):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    proxy.set(Blackhole())
    writer.write(b"lost")
    writer.close()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await echo.ended.wait()
    assert proxy.counts.swallowed == 4
    proxy.clear()
    async with asyncio.timeout(5):
        await echo.ended.wait()
    assert echo.chunks == [b"x"]


async def test_a_reset_on_command_and_one_by_time(proxy):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"x")
    await reader.readexactly(1)
    assert proxy.reset() == 1
    with pytest.raises(ConnectionError):
        await reader.readexactly(1)
    writer.close()
    proxy.set(ResetPeer(0.02))
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(5):
            await reader.readexactly(1)
    writer.close()
    assert proxy.counts.resets == 2


async def test_a_limit_ends_the_connection_behind_so_many_bytes(proxy, echo):
    proxy.set(LimitData(5, direction="up"))
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"0123456789")
    async with asyncio.timeout(5):
        await echo.ended.wait()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(6)
    writer.close()
    assert b"".join(echo.chunks) == b"01234"


async def test_a_slow_close_passes_the_end_on_late(proxy, echo):
    proxy.set(SlowClose(0.1))
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    began = now()
    writer.close()
    async with asyncio.timeout(5):
        await echo.ended.wait()
    assert now() - began >= 0.09


async def test_refused_connections_are_reset_and_counted(proxy):
    proxy.set(Refuse())
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await ask(proxy, b"x")
    proxy.clear()
    assert await ask(proxy, b"x") == b"x"
    assert proxy.counts.refused == 1


async def test_a_server_that_is_away_looks_away(proxy, echo):
    await echo.__aexit__()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await ask(proxy, b"x")
