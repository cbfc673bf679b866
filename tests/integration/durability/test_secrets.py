"""Canaries in every field that holds a secret must not be found anywhere: T2."""

from __future__ import annotations

import signal
import sys

import pytest

from pronubes.testing import StubBroker
from servers import run_program, until

pytestmark = pytest.mark.timeout(60)

CANARY = "c4n4ry"


@pytest.mark.parametrize("level", ["info", "debug"])
async def test_t2_no_secret_is_written_anywhere(rig, level, tmp_path):
    """Passwords by environment and by file, for a broker that lets in and for one that refuses; a failure each, a reload, an end."""
    (tmp_path / "node" / "password").write_text(f"{CANARY}-file\n")
    (tmp_path / "node" / "password").chmod(0o600)
    rig.node.environ |= {
        "PLANT_PASSWORD": f"{CANARY}-env",
        "OTHER_PASSWORD": f"{CANARY}-refused",
    }
    async with StubBroker() as choosy:
        choosy.manners.refuses_with = 0x86
        document = rig.plan(
            source={"username": "plant", "password": "${env:PLANT_PASSWORD}"},
            sink={"username": "uns", "password": f"${{file:{tmp_path}/node/password}}"},
        )
        document["sinks"]["refused"] = {
            **document["sinks"]["uns"],
            "url": choosy.url,
            "password": "${env:OTHER_PASSWORD}",
            "queue": {"policy": "drop_oldest"},
        }
        document["routes"]["side"] = {"filter": "raw/{rest#}", "topic": "side/{rest}", "to": "refused", "delivery": "volatile"}
        await rig.start(document, "--level", level, "--grace", "0.5")
        rig.issue(200)
        await rig.drained()
        await until(lambda: rig.node.said("was refused"), "a refusal is told")
        rig.plant.publish([("raw/t0", b"no json at all")])
        rig.plant.cut()
        document["routes"]["side"]["topic"] = "aside/{rest}"
        rig.node.configure(document)
        rig.node.signal(signal.SIGHUP)
        await until(lambda: rig.node.said("is in force"), "the reload is told")
        status = str(await rig.node.status())
        rig.node.signal(signal.SIGTERM)
        await rig.node.end()
    kept = tmp_path / "node" / "password"
    files = [path for path in (tmp_path / "node").rglob("*") if path.is_file() and path != kept]
    assert len(files) >= 2
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    assert CANARY not in status


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": f"mqtt://user:{CANARY}@127.0.0.1:1"}, "url"),
        ({"username": "u", "password": CANARY}, "password"),
        ({"username": "u", "password": "${env:OTHER}", "pasword": CANARY}, "pasword"),
        ({"username": "u", "password": "${env:OTHER}", "api_token": CANARY}, "api_token"),
    ],
)
async def test_t2_what_is_wrong_with_a_configuration_is_said_without_its_secrets(rig, change, field):
    rig.node.configure(rig.plan(source=change))
    code, output = await run_program(sys.executable, "-m", "pronubes.cli", "check", str(rig.node.config))
    assert code != 0
    assert field in output
    assert CANARY not in output
