"""`pronubes doctor` with real brokers: what it measures and the code that it ends with."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from servers import Mosquitto, client, run_program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import NodeProcess

pytestmark = [pytest.mark.server("mosquitto"), pytest.mark.timeout(60)]


async def doctor(node: NodeProcess, *words: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:  # Any: JSON documents
    """Run it, and sort what it found by its name."""
    code, output = await run_program(sys.executable, "-m", "pronubes.cli", "doctor", str(node.config), "--json", *words)
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(output)["findings"]:
        found.setdefault(finding["name"], []).append(finding)
    return code, found


def plan(url: str, **options: Any) -> dict[str, Any]:
    common = {"type": "mqtt", "url": url, "qos": 1, **options}
    return {"sources": {"plant": {**common, "topics": ["raw/#"]}}, "sinks": {"uns": common}, "routes": {"all": {"filter": "raw/#", "to": "uns"}}}


@pytest.mark.parametrize(("version", "inflight", "window"), [("5", 0, 300), ("3.1.1", 37, 37)])
async def test_it_measures_the_window_and_leaves_nothing_behind(
    tmp_path: Path, free_port: Callable[[], int], node: NodeProcess, version: str, inflight: int, window: int
) -> None:
    mosquitto = Mosquitto(tmp_path / "broker", free_port(), extra=f"max_inflight_messages {inflight}\n")
    await mosquitto.start()
    try:
        node.configure(plan(mosquitto.url, version=version, receive_maximum=300))
        code, found = await doctor(node, "--probe-broker")
        async with client(mosquitto.port) as looker:
            await looker.subscribe("pronubes/#", qos=1)
            await looker.publish("pronubes/end", b"", qos=1)
            first = await anext(aiter(looker.messages))
    finally:
        mosquitto.stop()
    _, rate = found["source plant"][-2:]
    assert (code, rate["values"]["window"], rate["values"]["is_measured"]) == (0, window, True), found
    assert rate["values"]["cap_per_s"] == pytest.approx(window / rate["values"]["latency_s"])
    assert (str(first.topic), first.retain) == ("pronubes/end", False)
    assert "mosquitto version" in found["sink uns"][0]["values"]["version"]
    assert found["fsync"][0]["values"]["count"] > 0


async def test_a_broker_that_is_not_there_or_refuses_is_bad(tmp_path: Path, free_port: Callable[[], int], node: NodeProcess) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    (folder / "acl").write_text("topic readwrite acme/#\n")
    (folder / "acl").chmod(0o600)
    mosquitto = Mosquitto(folder, free_port(), listener=f"allow_anonymous true\nacl_file {folder}/acl")
    await mosquitto.start()
    try:
        node.configure(plan(mosquitto.url) | {"sinks": {"uns": {"type": "mqtt", "url": f"mqtt://127.0.0.1:{free_port()}"}}})
        code, found = await doctor(node)
        offline_code, offline = await doctor(node, "--offline")
    finally:
        mosquitto.stop()
    assert (code, offline_code) == (1, 0)
    assert [finding["level"] for finding in found["sink uns"]] == ["bad"]
    assert "refused" in found["sink uns"][0]["figure"].lower()
    assert not {"sink uns"} & offline.keys()


async def test_what_is_wrong_is_told_without_secrets(tmp_path: Path, free_port: Callable[[], int], node: NodeProcess) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    (folder / "passwords").touch(mode=0o600)
    code, output = await run_program("mosquitto_passwd", "-b", str(folder / "passwords"), "edge", "RIGHT-SECRET")
    assert code == 0, output
    mosquitto = Mosquitto(folder, free_port(), listener=f"allow_anonymous false\npassword_file {folder}/passwords")
    await mosquitto.start()
    try:
        (node.folder / "wrong").write_text("WRONG-SECRET")
        node.configure(plan(mosquitto.url, username="edge", password="${file:wrong}"))
        code, refused = await doctor(node)
        (node.folder / "wrong").write_text("RIGHT-SECRET")
        right_code, right = await doctor(node)
        (node.folder / "wrong").unlink()
        _, missing = await doctor(node)
    finally:
        mosquitto.stop()
    assert (code, right_code) == (1, 0)
    assert "not authorized" in refused["sink uns"][0]["figure"].lower()
    assert "WRONG-SECRET" not in json.dumps(refused)
    assert "RIGHT-SECRET" not in json.dumps(right)
    assert "cannot be read" in missing["sink uns"][0]["figure"]


async def test_a_configuration_with_errors_is_not_looked_at(node: NodeProcess) -> None:
    node.configure({"sourcs": {}})
    code, output = await run_program(sys.executable, "-m", "pronubes.cli", "doctor", str(node.config))
    assert (code, "sourcs" in output) == (3, True)
