"""The live page in a real browser: what a person sees, at the keyboard too, with many topics, and across a restart of the server."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from bottling import SITE, Plant, context
from conftest import find_program
from pronubes.connectors.live.options import LiveOptions
from pronubes.connectors.live.sink import LiveSink
from pronubes.testing.views import FakeEngineView

pytestmark = [pytest.mark.server("chromium"), pytest.mark.timeout(120)]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Visit:
    """An open page, and everything that it should not do."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: set[str] = field(default_factory=set)

    def hear(self, kind: str, text: str) -> None:
        """Note what the browser's console says, but not that a page which is not served any more cannot be reached."""
        is_gone = text.startswith("Failed to load resource: net::ERR_") and not any(self.page.url.startswith(url) for url in served)
        if kind in {"error", "warning"} and not is_gone:
            self.errors.append(text)

    def row(self, name: str) -> Locator:
        return self.page.locator("#tree-body .row:visible").filter(has=self.page.locator(".label", has_text=re.compile(f"^{re.escape(name)}$")))

    def cell(self, name: str, column: str) -> Locator:
        return self.row(name).first.locator(f".cell.{column}")


served: set[str] = set()
"""The pages that are served now: that a browser cannot reach one that is not is no defect of the page."""


@contextlib.asynccontextmanager
async def serving(view: FakeEngineView, port: int, *, seed: int = 1) -> AsyncIterator[str]:
    sink = LiveSink(LiveOptions(port=port), context(random=random.Random(seed)))
    task = asyncio.create_task(sink.serve(view))
    async with asyncio.timeout(10):
        while sink.url is None:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
    served.add(sink.url)
    try:
        yield sink.url
    finally:
        served.discard(sink.url)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_program("chromium"), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Callable[[str], Awaitable[Visit]]]:
    """Open a page; at the end, nothing may have gone wrong in it and nothing may have been asked of another host."""
    visits: list[Visit] = []

    async def open_page(url: str) -> Visit:
        visit = Visit(await browser.new_page(viewport={"width": 1400, "height": 900}))
        visits.append(visit)
        visit.page.on("console", lambda message: visit.hear(message.type, message.text))
        visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
        visit.page.on("request", lambda request: visit.requests.add(request.url.split("/")[2].rsplit(":", 1)[0]))
        await visit.page.goto(url)
        await expect(visit.page.locator("#state")).to_have_text("live")
        return visit

    yield open_page
    for visit in visits:
        assert (visit.errors, visit.requests) == ([], {"127.0.0.1"})


@pytest.fixture
def view() -> FakeEngineView:
    return FakeEngineView()


async def test_values_are_seen_and_change_by_themselves(visit: Callable[[str], Awaitable[Visit]], view: FakeEngineView) -> None:
    view.put("acme/line1/filler/temperature", {"value": 4.25, "unit": "Cel", "quality": "GOOD"})
    view.put("acme/line1/filler/state", {"value": None, "quality": "BAD"})
    view.put("acme/line1/filler/raw", b"\xff\x00")
    async with serving(view, 0) as url:
        seen = await visit(url)
        await expect(seen.cell("temperature", "value")).to_have_text("4.25")
        await expect(seen.cell("temperature", "unit")).to_have_text("°C")
        await expect(seen.cell("temperature", "quality")).to_have_text("GOOD")
        await expect(seen.cell("state", "quality")).to_have_text("BAD")
        await expect(seen.cell("raw", "value")).to_have_text("(binary)")
        await expect(seen.cell("acme", "value")).to_have_text("3 topics")
        await expect(seen.cell("acme", "quality")).to_have_text("1 BAD")
        view.put("acme/line1/filler/temperature", {"value": 4.5, "unit": "Cel", "quality": "UNCERTAIN"})
        view.put("acme/line1/filler/state", {"value": "Execute", "quality": "GOOD"})
        view.put("acme/line2/filler/temperature", {"value": 5})
        await expect(seen.cell("temperature", "value")).to_have_text("4.5")
        await expect(seen.cell("acme", "quality")).to_have_text("1 UNCERTAIN")
        await expect(seen.cell("acme", "value")).to_have_text("4 topics")
        await expect(seen.row("line2")).to_be_visible()
        await expect(seen.page.locator("#total-topics")).to_have_text("4")


async def test_branches_open_and_shut_by_mouse_and_keyboard(visit: Callable[[str], Awaitable[Visit]], view: FakeEngineView) -> None:
    for line in (1, 2, 10):
        for tag in range(40):
            view.put(f"acme/line{line}/tag{tag}", tag)
    async with serving(view, 0) as url:
        seen = await visit(url)
        keyboard = seen.page.keyboard
        await expect(seen.row("acme")).to_have_attribute("aria-expanded", "true")
        names = await seen.page.locator("#tree-body .row:visible[aria-level='2'] .label").all_inner_texts()
        await seen.row("line10").click()
        await expect(seen.row("line10")).to_have_attribute("aria-expanded", "true")
        await expect(seen.row("tag2")).to_be_visible()
        await keyboard.press("ArrowLeft")
        await expect(seen.row("line10")).to_have_attribute("aria-expanded", "false")
        await expect(seen.row("tag2")).to_have_count(0)
        await keyboard.press("ArrowUp")
        await keyboard.press("ArrowRight")
        await keyboard.press("ArrowRight")
        await expect(seen.row("tag0")).to_have_attribute("aria-selected", "true")
        await expect(seen.page.locator("#detail-topic")).to_have_text("acme/line2/tag0")
        await keyboard.press("End")
        await keyboard.press("ArrowUp")
        await expect(seen.page.locator("#detail-topic")).to_have_text("acme/line2/tag39")
        await keyboard.press("Home")
        active = await seen.page.locator("#tree").get_attribute("aria-activedescendant")
        await expect(seen.page.locator(f"#{active} .label")).to_have_text("acme")
    assert sorted(names, key=lambda name: int(name[4:])) == ["line1", "line2", "line10"]


async def test_a_search_shows_what_it_finds(visit: Callable[[str], Awaitable[Visit]], view: FakeEngineView) -> None:
    Plant(view).run(60)
    async with serving(view, 0) as url:
        seen = await visit(url)
        leaves = seen.page.locator("#tree-body .row.topic:visible")
        await seen.page.keyboard.press("/")
        await seen.page.keyboard.type("LINE2 speed")
        await expect(leaves).to_have_count(4)
        await expect(seen.page.locator("#found")).to_contain_text("4 of ")
        await seen.page.fill("#search", "acme/+/bottling/+/capper/#")
        await expect(seen.row("torque")).to_have_count(3)
        await expect(seen.row("filler")).to_have_count(0)
        await seen.page.fill("#search", "no such tag")
        await expect(seen.page.locator("#nothing-found")).to_be_visible()
        await seen.page.keyboard.press("Escape")
        await expect(seen.row("acme")).to_be_visible()
        await expect(seen.page.locator("#nothing-found")).to_be_hidden()


async def test_a_tag_has_a_chart_with_its_past(visit: Callable[[str], Awaitable[Visit]], view: FakeEngineView) -> None:
    topic = f"{SITE}/line1/filler/speed"
    view.watch(topic, points=3000)
    Plant(view).run(600)
    async with serving(view, 0) as url:
        seen = await visit(f"{url}#topic={topic}")
        await expect(seen.page.locator("#detail-topic")).to_have_text(topic)
        await expect(seen.page.locator("#detail-unit")).to_have_text("1/min")
        await expect(seen.page.locator("#stat-count")).to_have_text("120")
        await expect(seen.page.locator("#chart")).to_have_attribute("aria-label", re.compile(r"120 values, from \d+.* to \d+.* 1/min"))
        drawn = await _inked(seen)
        least, mean, most = [float(await seen.page.locator(f"#stat-{name}").inner_text()) for name in ("min", "avg", "max")]
        numbers = [number for _, number in view.watched[topic]]
        await expect(seen.page.locator("#detail-payload")).to_contain_text('"quality": "GOOD"')
        await seen.page.click("text=1 min")
        view.put(topic, {"value": 999, "unit": "1/min"})
        await expect(seen.page.locator("#stat-max")).to_have_text("999")
        await expect(seen.page.locator("#last-values li .what").first).to_have_text("999")
        await seen.page.click("#detail-close")
        await expect(seen.page.locator("#detail")).to_be_hidden()
    assert drawn > 500
    assert (least, most) == (min(numbers), max(numbers))
    assert mean == pytest.approx(sum(numbers) / len(numbers), rel=1e-4)


async def _inked(seen: Visit) -> int:
    """Count the pixels of the chart that have the colour of its line."""
    script = """canvas => { const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; let inked = 0;
        for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] > 200 && pixels[i] < 60 && pixels[i + 2] > 110) inked += 1; return inked; }"""
    count: int = await seen.page.locator("#chart").evaluate(script)
    return count


async def test_a_tag_without_numbers_says_so(visit: Callable[[str], Awaitable[Visit]], view: FakeEngineView) -> None:
    view.put("state", {"value": "Execute", "big": 9007199254740993})
    async with serving(view, 0) as url:
        seen = await visit(url)
        await seen.row("state").click()
        await expect(seen.page.locator("#detail-value")).to_have_text("Execute")
        await expect(seen.page.locator("#chart-empty")).to_be_visible()


async def test_the_quarantine_tells_why_and_what_to_do(visit: Callable[[str], Awaitable[Visit]], view: FakeEngineView) -> None:
    Plant(view).run(160)
    async with serving(view, 0) as url:
        seen = await visit(url)
        await seen.page.click("[data-tab=quarantine]")
        records = seen.page.locator(".record")
        await expect(records).to_have_count(4)
        await expect(records.nth(0)).to_contain_text("The payload is not UTF-8.")
        await expect(records.nth(0)).to_contain_text("Look at the original bytes")
        await expect(records.nth(0).locator("pre")).to_have_text(r'{"name": "K\xfchler"}')
        await expect(records.nth(3)).to_contain_text("missing_field")
        await expect(records.nth(3)).to_contain_text(re.compile(r"Route\s*counters"))
        await expect(records.nth(3)).to_contain_text(re.compile(r"Step\s*2"))
        view.quarantine(
            {"time_ns": 1, "topic": "t", "reason": "wrong_type", "payload": "\u202e<img src=x>\n", "source": None, "route": None, "step": None}
        )
        await expect(records).to_have_count(5)
        await expect(records.nth(0).locator("pre")).to_have_text(r"\u202e<img src=x>\n")
        await seen.page.click(".chip >> text=invalid_json")
        await expect(records).to_have_count(1)
        await expect(seen.page.locator("#count-quarantine")).to_have_text("4")


async def test_routes_sinks_and_connections_have_their_ledgers(visit: Callable[[str], Awaitable[Visit]], view: FakeEngineView) -> None:
    plant = Plant(view)
    plant.run(100)
    for ledger in ("matched", "rejected"):
        view.document["routes"][0][ledger] += 12
    async with serving(view, 0) as url:
        seen = await visit(url)
        await seen.page.click("[data-tab=routes]")
        heads = await seen.page.locator("#routes-table thead th").all_inner_texts()
        column = [head.casefold() for head in heads].index("rejected")
        rejected = seen.page.locator("#routes-table tbody tr").first.locator("td").nth(column)
        await expect(rejected).to_have_text("12")
        await expect(rejected).to_have_class(re.compile(r"\braised\b"))
        route = dict(view.document["routes"][0])
        shown = await seen.page.locator("#routes-table tbody tr").first.locator("td").all_inner_texts()
        plant.run(20)
        rate = seen.page.locator("#routes-table tbody tr").first.locator("td.strong")
        await expect(rate).to_have_text(re.compile(r"[1-9]"))
        await seen.page.click("[data-tab=sinks]")
        await expect(seen.page.locator("#sinks-table tbody tr")).to_have_count(3)
        await expect(seen.page.locator("#sinks-table")).to_contain_text("historian")
        await seen.page.keyboard.press("ArrowRight")
        await expect(seen.page.locator("#connections-table tbody tr")).to_have_count(2)
        await expect(seen.page.locator("#connections-table tbody tr").first).to_contain_text("connected")
        await expect(seen.page.locator("#unbalanced")).to_be_hidden()
        view.document["balanced"] = False
        view.document["connections"][0]["state"] = "closed"
        await expect(seen.page.locator("#unbalanced")).to_be_visible()
        await expect(seen.page.locator("#connections-table .badge.bad")).to_have_text("closed")
    assert shown[:4] == [route["name"], *(f"{route[key]:,}" for key in ("matched", "passed", "filtered"))]


async def test_what_devices_send_is_text_and_nothing_else(visit: Callable[[str], Awaitable[Visit]], view: FakeEngineView) -> None:
    attack = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    view.put(f"{attack}/{attack}", {"value": attack, "unit": attack, "quality": attack, "__proto__": {"polluted": 1}})
    view.put("__proto__/constructor/toString", {"value": 1})
    view.quarantine(dict.fromkeys(("reason", "topic", "detail", "payload", "text", "action", "route", "source"), attack) | {"time_ns": 1, "step": 1})
    view.document["routes"] = [{"name": attack, "matched": 1, "reasons": {attack: 1}}]
    async with serving(view, 0) as url:
        seen = await visit(url)
        await expect(seen.row("toString")).to_be_visible()
        await seen.page.locator("#tree-body .row.topic:visible", has_text="alert").click()
        await expect(seen.page.locator("#detail-value")).to_have_text(attack)
        for tab in ("routes", "quarantine"):
            await seen.page.click(f"[data-tab={tab}]")
            await expect(seen.page.locator(f"#panel-{tab}")).to_contain_text(attack)
        foreign = await seen.page.locator("main img, main script").count()
    assert foreign == 0


async def test_the_page_reconnects_and_forgets_what_is_gone(
    visit: Callable[[str], Awaitable[Visit]], view: FakeEngineView, free_port: Callable[[], int]
) -> None:
    port = free_port()
    for tag in ("old", "kept"):
        for number in range(40):
            view.put(f"acme/deep/{tag}/t{number}", 1)
    async with serving(view, port) as url:
        seen = await visit(url)
        await seen.row("kept").click()
        await expect(seen.row("t3")).to_have_count(1)
    await expect(seen.page.locator("#state")).to_have_text(re.compile(r"reconnecting since \d\d:\d\d:\d\d"))
    seen.errors.clear()  # the browser itself tells the lost connection
    after = FakeEngineView()
    for number in range(30):
        after.put(f"acme/deep/kept/t{number}", 2)
    async with serving(after, port, seed=2):
        await expect(seen.page.locator("#state")).to_have_text("live", timeout=15_000)
        await expect(seen.cell("t3", "value")).to_have_text("2")
        await expect(seen.row("old")).to_have_count(0)
        await expect(seen.page.locator("#total-topics")).to_have_text("30")
    await seen.page.goto("about:blank")
    seen.errors.clear()
    seen.requests.discard("")


async def test_a_hundred_thousand_topics_stay_quick(visit: Callable[[str], Awaitable[Visit]], view: FakeEngineView) -> None:
    for number in range(100_000):
        view.put(f"acme/site{number % 10}/area{number // 10 % 20}/tag{number}", {"value": number, "quality": "GOOD"})
    async with serving(view, 0) as url:
        seen = await visit(url)
        await expect(seen.cell("acme", "value")).to_have_text("100,000 topics", timeout=30_000)
        await expect(seen.page.locator("#loading")).to_be_hidden()
        rows = await seen.page.locator("#tree-body .row").count()
        async with asyncio.TaskGroup() as group:
            stir = group.create_task(_stir(view))
            frame_ms = await seen.page.evaluate(LONGEST_FRAME)
            stir.cancel()
        await seen.page.fill("#search", "site3 tag33333")
        await expect(seen.page.locator("#found")).to_have_text("1 of 100,000 topics", timeout=3000)
        await expect(seen.cell("tag33333", "value")).to_have_text("33333")
    print(f"longest frame {frame_ms:.0f} ms")  # noqa: T201 - a figure for the log
    assert rows < 100
    assert frame_ms < 500


LONGEST_FRAME = """() => new Promise((resolve) => { let before = performance.now(); let longest = 0; const end = before + 3000;
    const tick = () => { const now = performance.now(); longest = Math.max(longest, now - before); before = now;
        if (now < end) requestAnimationFrame(tick); else resolve(longest); }; requestAnimationFrame(tick); })"""


async def _stir(view: FakeEngineView) -> None:
    """Change 20,000 values a second, all over the tree."""
    number = 0
    while True:
        for _ in range(1000):
            number += 49
            view.put(f"acme/site{number % 10}/area{number // 10 % 20}/tag{number % 100_000}", {"value": number, "quality": "GOOD"})
        await asyncio.sleep(0.05)
