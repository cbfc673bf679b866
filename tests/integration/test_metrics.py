"""The endpoint for Prometheus of a real node: what it serves, to whom, and that it leaves the event loop alone."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pronubes.errors import NotConnected
from servers import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import NodeProcess

COUNT = 100


@pytest.fixture
def plan(node: NodeProcess, free_port: Callable[[], int]) -> dict[str, Any]:
    lines = [f'{{"topic":"raw/t","payload":{{"value":{number % 4}}}}}' for number in range(COUNT)]
    (node.folder / "in.ndjson").write_text("\n".join(lines) + "\n")
    return {
        "sources": {"file": {"type": "ndjson", "path": "in.ndjson", "follow": True}},
        "sinks": {"out": {"type": "ndjson", "path": "out.ndjson"}},
        "routes": {"all": {"filter": "raw/#", "where": "payload.value > 0", "to": "out"}},
        "metrics": {"listen": f"127.0.0.1:{free_port()}"},
        "health": {"every": "200ms"},
    }


def values(page: str) -> dict[tuple[str, str], float]:
    """By name and the values of the labels."""
    families = text_string_to_metric_families(page)
    return {(one.name.removeprefix("pronubes_"), ",".join(one.labels.values())): one.value for family in families for one in family.samples}


async def test_it_serves_what_the_status_says_and_a_reload_ends_it(node: NodeProcess, plan: dict[str, Any]) -> None:
    base = f"http://{plan['metrics']['listen']}"
    node.configure(plan)
    await node.start()

    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:

        async def counted() -> dict[tuple[str, str], float] | None:
            page = values((await client.get("/metrics")).text)
            return page if page["source_received_total", "file"] == COUNT and page["canary_total", ""] > 1 else None

        await until(lambda: node.said("The metrics are there."), "the endpoint is there")
        page = await until(counted, "everything is counted")
        ready, live = await client.get("/readyz"), await client.get("/healthz")
        stranger = await client.get("/metrics", headers={"host": "evil.example:9464"})
        answer = await client.get("/metrics")
        del plan["metrics"]
        node.configure(plan)
        node.signal(1)
        await until(lambda: node.said("The new configuration is in force."), "the reload")

        async def is_closed() -> bool:
            try:
                await client.get("/metrics")
            except httpx.TransportError:
                return True
            return False

        await until(is_closed, "the endpoint is gone")
    status = await node.status()
    assert (ready.status_code, ready.text, live.status_code, stranger.status_code) == (200, "Nothing is wrong.\n", 200, 421)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert (page["healthy", ""], page["ledgers_balanced", ""], page["route_passed_total", "all"], page["sink_emitted_total", "out"]) == (1, 1, 75, 75)
    assert [key for key in page if "canary" in ",".join(key[1:])] == [("problems", "canary_lost")]
    assert (status["health"]["problems"], status["balanced"]) == ([], True)


async def test_a_port_that_is_taken_is_told_and_tried_again(node: NodeProcess, plan: dict[str, Any]) -> None:
    host, _, port = plan["metrics"]["listen"].partition(":")
    taken = await asyncio.start_server(lambda _, writer: writer.close(), host, int(port))
    node.configure(plan)
    await node.start()
    await until(lambda: node.said("The metrics cannot be served"), "that it is told")
    taken.close()
    await taken.wait_closed()
    await until(lambda: node.said("The metrics are there."), "the endpoint is there")
    assert (await node.status())["balanced"]


@pytest.mark.timeout(120)
async def test_scraping_a_thousand_routes_is_quick_and_the_node_answers_meanwhile(node: NodeProcess, plan: dict[str, Any]) -> None:
    plan["routes"] |= {f"r{number}": {"filter": f"other/{number}/{{x#}}", "to": "out"} for number in range(1000)}
    node.configure(plan)
    await node.start()
    await until(lambda: node.said("The metrics are there."), "the endpoint is there")
    scrapes: list[float] = []
    asked: list[float] = []
    control = await node.control()
    async with httpx.AsyncClient(base_url=f"http://{plan['metrics']['listen']}", trust_env=False) as client:
        await client.get("/metrics")
        for _ in range(5):
            await asyncio.sleep(1.05)  # a page is handed out again for a second
            began_s = time.perf_counter()
            scrape = asyncio.create_task(client.get("/metrics"))
            while not scrape.done():
                asked_s = time.perf_counter()
                with contextlib.suppress(NotConnected):
                    await control.catalog()  # it keeps none: the shortest answer that there is
                asked.append(time.perf_counter() - asked_s)
            scrapes.append(time.perf_counter() - began_s)
    await control.close()
    assert statistics.median(scrapes) < 1.0, scrapes  # the time of the processor is measured in a unit test; here others may use it as well
    assert statistics.median(asked) < 0.1, sorted(asked)[-5:]
