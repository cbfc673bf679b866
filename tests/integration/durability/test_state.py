"""What stateful steps remember, over a clean end, a kill -9 and a damaged file. Ages are what the node says itself."""

from __future__ import annotations

import os
import signal

import pytest

from servers import until

pytestmark = pytest.mark.timeout(60)

STEPS = [{"deadband": {"field": "v", "absolute": 1}}]


def plan(rig, steps, **more):
    document = rig.plan(route={"steps": steps, "delivery": "through"})
    return {**document, "state": {"save_every": "200ms"}, **more}


class Said:
    """What came out, in order."""

    def __init__(self, rig) -> None:
        self.payloads: list[bytes] = []
        self.rig = rig
        rig.uns.published = lambda message: self.payloads.append(message.payload)
        rig.plant.acknowledged = lambda _payload: None

    async def publish(self, *payloads: bytes, topic: str = "raw/t") -> None:
        self.rig.plant.publish([(topic, payload) for payload in payloads])
        await until(lambda: not self.rig.plant.backlog("edge-plant"), "all are acknowledged")


async def saved(rig, *, keys: int) -> None:
    async def is_saved() -> bool:
        status = await rig.node.status()
        return status["states"][0]["keys"] == keys and (status["state"]["saved_age_s"] or 9) < 0.2

    await until(is_saved, "the state is saved")
    await until(is_saved, "and once more, behind the last message")


async def test_state_outlives_a_kill_and_says_how_old_it_is(rig):
    said = Said(rig)
    await rig.start(plan(rig, STEPS))
    await said.publish(b'{"v":1}')
    await until(lambda: len(said.payloads) == 1, "the first passes")
    await saved(rig, keys=1)
    rig.node.kill()
    await rig.start()
    await said.publish(b'{"v":1.5}', b'{"v":3}')
    await until(lambda: b'{"v":3}' in said.payloads, "the third passes")
    status = await rig.node.status()
    (event,) = rig.node.said("What stateful steps remembered is there again")
    assert said.payloads == [b'{"v":1}', b'{"v":3}']
    assert (event["keys"], event["refused"]) == (1, 0)
    assert status["state"]["restored"] | {"age_s": 0} == {"keys": 1, "refused": 0, "age_s": 0, "is_damaged": False}
    assert 0 < status["state"]["restored"]["age_s"] < 30
    assert status["balanced"]
    assert status["totals"]["absorbed"] == 1


async def test_what_waits_in_a_step_comes_out_behind_a_clean_end(rig):
    said = Said(rig)
    await rig.start(plan(rig, [{"throttle": {"every": "3s"}}], state={"save_every": "1h"}))
    await said.publish(b"1", b"2", b"3")
    await until(lambda: said.payloads == [b"1"], "the first passes")
    rig.node.signal(signal.SIGTERM)
    assert await rig.node.end() == os.EX_OK
    assert said.payloads == [b"1"]
    await rig.start()
    await until(lambda: said.payloads == [b"1", b"3"], "the newest follows when its time has come")
    assert (await rig.node.status())["balanced"]


async def test_a_damaged_file_is_set_aside(rig):
    said = Said(rig)
    await rig.start(plan(rig, STEPS))
    await said.publish(b'{"v":1}')
    rig.node.signal(signal.SIGTERM)
    assert await rig.node.end() == os.EX_OK
    file = rig.node.folder / "data" / "state"
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    await rig.start()
    await said.publish(b'{"v":1}')
    await until(lambda: len(said.payloads) == 2, "the step has forgotten")
    assert rig.node.said("is damaged")
    assert file.with_name("state.damaged").exists()


async def test_a_reload_keeps_the_state_of_steps_that_stay(rig):
    said = Said(rig)
    document = plan(rig, STEPS)
    await rig.start(document)
    await said.publish(b'{"v":1}')
    document["routes"]["all"]["topic"] = "other/{rest}"
    rig.node.configure(document)
    rig.node.signal(signal.SIGHUP)
    await until(lambda: rig.node.said("is in force"), "the reload is in force")
    await said.publish(b'{"v":1}', b'{"v":9}')
    await until(lambda: len(said.payloads) == 2, "what has changed passes")
    assert said.payloads == [b'{"v":1}', b'{"v":9}']
