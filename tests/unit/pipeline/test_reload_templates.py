"""A reload reads the tables of machines again: a new row is a new source, the others go on."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from pronubes.errors import ConfigurationError
from pronubes.pipeline.node import Node
from pronubes.pipeline.plan import load_plan
from pronubes.pipeline.reload import reload

CONFIG = """\
version: 1
name: hall
sinks: {out: {type: ndjson, path: out.ndjson}}
templates:
  machine:
    parameters: {plc: name, rate: {type: integer, default: 10}}
    sources: {"plc_${plc}": {type: generator, tags: 3, rate: "${rate}"}}
    routes: {"r_${plc}": {from: "plc_${plc}", filter: "#", topic: "acme/${plc}", to: out}}
instances: [{template: machine, table: machines.csv}]
"""


@pytest.mark.timeout(60)
async def test_a_reload_takes_new_rows_and_leaves_the_others_alone(tmp_path: Path) -> None:
    config, table = tmp_path / "hall.yaml", tmp_path / "machines.csv"
    config.write_text(CONFIG, encoding="utf-8")
    table.write_text("plc,rate\np1,\np2,\n", encoding="utf-8")
    node = Node(load_plan(config), grace_s=1)
    running = asyncio.create_task(node.run())
    try:
        await asyncio.wait_for(node.is_running.wait(), 20)
        before = dict(node.ingress)
        table.write_text("plc,rate\np1,\np2,20\np3,\n", encoding="utf-8")
        await reload(node, load_plan(config))
        after = dict(node.ingress)
        assert node.plan.routes == ("r_p1", "r_p2", "r_p3")
        table.write_text("plc,rate\np1,fast\n", encoding="utf-8")
        with pytest.raises(ConfigurationError, match="`rate` has a value that it does not take"):
            load_plan(config)
    finally:
        node.stop("test")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(running, 20)
    assert (list(before), list(after)) == (["plc_p1", "plc_p2"], ["plc_p1", "plc_p2", "plc_p3"])
    assert [before[name] is after[name] for name in before] == [True, False]
