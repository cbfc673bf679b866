"""A backlog whose route or sink is taken away, and comes back: G2. The backlog is kept, seen and holds nobody up (fluent-bit#12225)."""

from __future__ import annotations

import os
import signal

import pytest

from pronubes.testing import Oracle
from rig import is_marked
from servers import until

pytestmark = pytest.mark.timeout(60)


async def waiting(rig) -> tuple[bool, int]:
    """Whether the durable log has somebody who takes the records of `uns`, and how many it keeps for it."""
    log = (await rig.node.status())["logs"]["durable"]
    one = next(one for one in log["consumers"] if one["name"] == "uns")
    return one["is_present"], one["records_at_most"]


@pytest.mark.parametrize("what", ["the route", "the sink"])
async def test_g2_a_backlog_outlives_its_owner_and_a_restart(rig, what):
    side = Oracle(prefix="raw/side", is_durable=True)
    to_main = rig.uns.published

    def published(message) -> None:
        if message.topic.startswith("acme/"):
            to_main(message)
        else:
            side.delivered(message.payload, is_replayed=is_marked(message))

    rig.uns.published = published
    rig.plant.acknowledged = lambda _payload: None
    rig.uns.manners.is_acknowledging = False
    full = rig.plan()
    full["sinks"]["other"] = {**full["sinks"]["uns"]}
    full["routes"] = {
        "all": {**full["routes"]["all"], "filter": "raw/{tag}", "topic": "acme/{tag}"},
        "side": {**full["routes"]["all"], "filter": "raw/side/{tag}", "topic": "side/{tag}", "to": "other"},
    }
    less = {**full, "routes": {"side": full["routes"]["side"]}}
    if what == "the sink":
        less = {**less, "sinks": {"other": full["sinks"]["other"]}}
    await rig.start(full)
    rig.issue(3000)
    await until(lambda: rig.plant.backlog("edge-plant") == 0, "all are in the log")
    rig.node.configure(less)
    rig.node.signal(signal.SIGHUP)
    await until(lambda: rig.node.said("is in force"), "the owner is gone")
    rig.node.kill()
    await rig.start()
    is_present, records = await waiting(rig)
    rig.uns.catch_up()
    rig.plant.publish(side.issue(500))
    await until(side.is_complete, "the other route goes on")
    rig.node.signal(signal.SIGTERM)
    assert await rig.node.end() == os.EX_OK
    await rig.start(full)
    await until(rig.oracle.is_complete, "the backlog comes out")
    rig.oracle.check()
    side.check()
    assert is_present == (what == "the route")
    assert records > 0
