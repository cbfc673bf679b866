"""A reload changes the queue of a sink while it works: its connector goes on."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from pronubes.pipeline.node import Node
from pronubes.pipeline.plan import load_plan
from pronubes.pipeline.reload import reload

CONFIG = """\
version: 1
name: hall
sources: {{made: {{type: generator, rate: 10}}}}
sinks: {{out: {{type: ndjson, path: out.ndjson, {batch}queue: {{size: 1MiB, policy: {policy}}}}}}}
routes: {{all: {{filter: "#", to: out}}}}
"""


@pytest.mark.timeout(60)
async def test_a_new_policy_leaves_the_connector_alone_and_other_options_do_not(tmp_path: Path) -> None:
    config = tmp_path / "hall.yaml"
    config.write_text(CONFIG.format(policy="block", batch=""), encoding="utf-8")
    node = Node(load_plan(config), grace_s=1)
    running = asyncio.create_task(node.run())
    sinks, policies = [], []

    def look() -> None:
        sinks.append(node.egress["out"])
        policies.append(node.status()["sinks"][0]["policy"])

    try:
        await asyncio.wait_for(node.is_running.wait(), 20)
        look()
        for policy, batch in (("keep_latest", ""), ("keep_latest", "batch_wait: 1s, ")):
            config.write_text(CONFIG.format(policy=policy, batch=batch), encoding="utf-8")
            await reload(node, load_plan(config))
            look()
    finally:
        node.stop("test")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(running, 20)
    assert policies == ["block", "keep_latest", "keep_latest"]
    assert [sinks[0] is sinks[1], sinks[1] is sinks[2]] == [True, False]
