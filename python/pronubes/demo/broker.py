"""The demonstration's broker: the NATS server with its MQTT 3.1.1 listener, from the wheel of the extra `demo`; mosquitto when only that is there."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from pronubes.demo.errors import DemoFailed

__all__ = ["start_broker"]

START_TIMEOUT_S = 10.0


def _nats(folder: Path, port: int, client_port: int) -> list[str] | None:
    beside = Path(sys.executable).parent / "nats-server"
    program = str(beside) if beside.exists() else shutil.which("nats-server")
    if program is None:
        return None
    config = folder / "nats.conf"
    config.write_text(
        f'server_name: demo\nlisten: "127.0.0.1:{client_port}"\n'
        f'jetstream {{ store_dir: "{folder / "nats"}" }}\n'
        f'mqtt {{ listen: "127.0.0.1:{port}" }}\n',
        encoding="utf-8",
    )
    return [program, "-c", str(config)]


def _mosquitto(folder: Path, port: int) -> list[str] | None:
    program = shutil.which("mosquitto") or ("/usr/sbin/mosquitto" if Path("/usr/sbin/mosquitto").exists() else None)
    if program is None:
        return None
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n", encoding="utf-8")
    return [program, "-c", str(config)]


async def start_broker(folder: Path, *, port: int, client_port: int) -> asyncio.subprocess.Process:
    """Start a broker on loopback and wait until it answers.

    Args:
        folder: Where it may keep files; its log goes to `broker.log` there.
        port: For MQTT.
        client_port: For NATS' own protocol.

    Raises:
        DemoFailed: There is no broker to start, or it does not answer.
    """
    command = _nats(folder, port, client_port) or _mosquitto(folder, port)
    if command is None:
        raise DemoFailed("No broker was found. Install the demo's: pip install 'pronubes[demo]', or mosquitto.")
    log = folder / "broker.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, stdin=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while not await answers(port):
                if process.returncode is not None:
                    raise DemoFailed(f"The broker ended at once (exit code {process.returncode}); its words are in {log}.")
                await asyncio.sleep(0.05)
    except TimeoutError:
        process.kill()
        raise DemoFailed(f"The broker did not answer on port {port} within {START_TIMEOUT_S:g} s; its words are in {log}.") from None
    return process


async def answers(port: int) -> bool:
    """Tell whether something listens on a port of this machine."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
