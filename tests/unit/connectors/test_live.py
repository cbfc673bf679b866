"""The live page's server: what it answers, whom it refuses, and what happens to clients that are slow, many or late."""

import asyncio
import contextlib
import json
import random
import socket
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from pydantic import ValidationError

from bottling import Plant, context
from pronubes.connectors.live import feed as feed_module
from pronubes.connectors.live.feed import for_display
from pronubes.connectors.live.options import LiveOptions
from pronubes.connectors.live.sink import LiveSink
from pronubes.connectors.live.values import matches
from pronubes.errors import NotConnected
from pronubes.testing.views import FakeEngineView


class Page:
    """A served page."""

    def __init__(self, view: FakeEngineView, url: str) -> None:
        self.view = view
        self.url = url
        self.port = int(url.rstrip("/").rsplit(":", 1)[1])
        self.http = httpx.AsyncClient(base_url=url, trust_env=False)

    @contextlib.asynccontextmanager
    async def events(self, **request: object) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
        async with self.http.stream("GET", "/events", **request) as answer:
            assert answer.status_code == 200
            yield _events(answer)


async def _events(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    event: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, text = line.partition(": ")
        if line:
            event[name] = text
        elif event:
            yield event
            event = {}


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.01)


async def until(events: AsyncIterator[dict[str, str]], name: str) -> dict[str, str]:
    async with asyncio.timeout(10):
        async for event in events:
            if event.get("event") == name:
                return event
    raise AssertionError(f"no `{name}` came")


@contextlib.asynccontextmanager
async def served(view: FakeEngineView, *, port: int = 0, seed: int = 1) -> AsyncIterator[Page]:
    sink = LiveSink(LiveOptions(port=port), context(random=random.Random(seed)))
    task = asyncio.create_task(sink.serve(view))
    async with asyncio.timeout(10):
        while sink.url is None:
            assert not task.done(), task
            await asyncio.sleep(0.01)
    page = Page(view, sink.url)
    try:
        yield page
    finally:
        await page.http.aclose()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            async with asyncio.timeout(5):
                await task


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with served(FakeEngineView()) as page:
        yield page


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "plant.example", ""])
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(ValidationError, match="everybody who reaches it sees the process data"):
        LiveOptions(host=host)


def test_a_queue_is_refused() -> None:
    with pytest.raises(ValidationError, match="has no queue"):
        LiveOptions.model_validate({"queue": {"size": "1MiB"}})


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/", "text/html"), ("/static/app.js", "text/javascript"), ("/static/style.css", "text/css"), ("/static/favicon.svg", "image/svg+xml")],
)
async def test_the_page_may_load_its_own_files_only(page: Page, path: str, media_type: str) -> None:
    answer = await page.http.get(path)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, media_type)
    assert policy.pop("default-src") == policy.pop("frame-ancestors") == policy.pop("base-uri") == policy.pop("form-action") == "'none'"
    assert set(policy.values()) == {"'self'"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/static/../sink.py", "/static/%2e%2e/sink.py", "/static/", "/static/nothing.js", "/docs"])
async def test_nothing_else_is_served(page: Page, path: str) -> None:
    assert (await page.http.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:9000", 200),  # through a tunnel the port is another one
        ("[::1]:8080", 200),
        ("LOCALHOST", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:8080", 421),
        ("127.0.0.1@evil.example", 421),
        ("", 421),
    ],
)
async def test_a_rebound_name_is_refused(page: Page, host: str, status: int) -> None:
    assert (await page.http.get("/api/status", headers={"host": host})).status_code == status


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [("same-origin", "cors", 200), ("none", "navigate", 200), ("cross-site", "no-cors", 403), ("same-site", "cors", 403)],
)
async def test_other_web_pages_get_nothing(page: Page, site: str, mode: str, status: int) -> None:
    answer = await page.http.get("/api/values", headers={"sec-fetch-site": site, "sec-fetch-mode": mode})
    assert answer.status_code == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_can_be_changed(page: Page, method: str) -> None:
    assert (await page.http.request(method, "/api/status")).status_code == 405


async def test_values_are_searched_and_paged(page: Page) -> None:
    for number in range(5000):
        page.view.put(f"acme/line{number % 2}/tag{number:04}", {"value": number})
    page.view.put("$SYS/uptime", b"7")

    async def ask(**query: object) -> dict:
        return (await page.http.get("/api/values", params=query)).json()

    everything = await ask()
    second = await ask(filter="acme/line1/+", page=2, size=1000)
    words = await ask(search="LINE0 tag000")
    nothing = await ask(filter="#", search="sys")
    assert (everything["found"], everything["pages"], len(everything["values"])) == (5001, 51, 100)
    assert (second["found"], second["pages"], second["values"][0]["topic"]) == (2500, 3, "acme/line1/tag2001")
    assert [value["topic"] for value in words["values"]] == [f"acme/line0/tag000{digit}" for digit in (0, 2, 4, 6, 8)]
    assert nothing["found"] == 0


@pytest.mark.parametrize(
    ("topic_filter", "topic", "is_match"),
    [
        ("a/b", "a/b", True), ("a/b", "a/b/c", False), ("a/b/c", "a/b", False), ("a/+", "a/b", True), ("a/+", "a", False), ("a/+", "a/", True),
        ("#", "a/b", True), ("a/#", "a", True), ("a/#", "ab", False), ("#", "$SYS/x", False), ("+/x", "$SYS/x", False), ("$SYS/#", "$SYS/x", True),
    ],
)  # fmt: skip
def test_filters_follow_the_standard(topic_filter: str, topic: str, is_match: bool) -> None:
    assert matches(topic_filter, topic) is is_match


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "size=1001", "page=%C2%B2", f"page={10**30}"])
async def test_numbers_that_are_none_are_told(page: Page, query: str) -> None:
    answer = await page.http.get(f"/api/values?{query}")
    assert answer.status_code == 400
    assert "must be a whole number" in answer.text


async def test_a_charted_topic_is_watched(page: Page) -> None:
    page.view.put("a", {"value": 1}, time_ns=10)
    first = (await page.http.get("/api/points", params={"topic": "a"})).json()
    page.view.put("a", {"value": 2}, time_ns=20)
    later = (await page.http.get("/api/points", params={"topic": "a", "since": 10})).json()
    without = await page.http.get("/api/points")
    assert (first, later, without.status_code) == ([[10, 1.0]], [[20, 2.0]], 400)
    assert page.view.watched["a"].maxlen == 3000


async def test_the_first_topics_have_a_past_before_anybody_looks() -> None:
    view = FakeEngineView()
    view.put("a", 1, time_ns=1)
    async with served(view) as page:
        async with asyncio.timeout(5):
            await _until(lambda: "a" in view.watched)
        view.put("a", 2, time_ns=2)
        points = (await page.http.get("/api/points", params={"topic": "a"})).json()
    assert points == [[1, 1.0], [2, 2.0]]


async def test_status_and_quarantine_are_the_engines(page: Page) -> None:
    Plant(page.view).run(100)
    status = (await page.http.get("/api/status")).json()
    records = (await page.http.get("/api/quarantine")).json()["records"]
    assert status == page.view.document
    assert records == page.view.quarantined()


async def test_the_stream_begins_with_everything_and_goes_on_with_changes(page: Page) -> None:
    page.view.put("a", b'{\n "value": 1\r\n}')  # a payload's own line breaks must not end the event
    page.view.put("b", b"\xff")
    page.view.put("c", b"open")
    async with page.events() as events:
        hello = json.loads((await until(events, "hello"))["data"])
        status = json.loads((await until(events, "status"))["data"])
        snapshot = json.loads((await until(events, "values"))["data"])
        page.view.put("c", b"closed")
        change = json.loads((await until(events, "values"))["data"])
    assert hello["node"] == "bottling-cologne"
    assert status["status"] == page.view.document
    assert [value.get("payload", value.get("text", value.get("base64"))) for value in snapshot["values"]] == [{"value": 1}, "/w==", "open"]
    assert [(value["topic"], value["text"], value["count"]) for value in change["values"]] == [("c", "closed", 2)]


async def test_a_large_namespace_comes_in_pages(page: Page) -> None:
    for number in range(12_000):
        page.view.put(f"t/{number}", number)
    async with page.events() as events:
        pages = [json.loads((await until(events, "values"))["data"]) for _ in range(3)]
    assert [(len(page["values"]), page["more"]) for page in pages] == [(5000, True), (5000, True), (2000, False)]


@pytest.mark.parametrize("by", ["header", "query"])
async def test_a_client_that_comes_back_goes_on_where_it_was(page: Page, by: str) -> None:
    page.view.put("a", 1)
    page.view.put("b", 1)
    async with page.events() as events:
        last = (await until(events, "values"))["id"]
    page.view.put("b", 2)
    request = {"headers": {"last-event-id": last}} if by == "header" else {"params": {"after": last}}
    async with page.events(**request) as events:
        values = json.loads((await until(events, "values"))["data"])["values"]
    assert [value["topic"] for value in values] == ["b"]


@pytest.mark.parametrize("event_id", ["00000000:1", "1", "x:y", "ffffffff:" + "9" * 40, ""])
async def test_an_id_of_another_run_begins_anew(page: Page, event_id: str) -> None:
    page.view.put("a", 1)
    async with page.events(headers={"last-event-id": event_id}) as events:
        values = json.loads((await until(events, "values"))["data"])["values"]
    assert [value["topic"] for value in values] == ["a"]


async def test_quarantined_messages_are_sent_once_and_cut(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "STATUS_S", 0.05)
    page.view.quarantine({"reason": "one", "payload": "x" * 5000})
    async with page.events() as events:
        first = json.loads((await until(events, "quarantine"))["data"])
        page.view.quarantine({"reason": "two", "payload": ""})
        second = json.loads((await until(events, "quarantine"))["data"])
    assert [(record["reason"], len(record["payload"]), record["cut_from"]) for record in first] == [("one", 2048, 5000)]
    assert [record["reason"] for record in second] == ["two"]


def test_a_short_record_is_shown_whole() -> None:
    assert for_display({"payload": "abc"}) == {"payload": "abc"}


async def test_too_many_pages_are_refused_with_a_sentence(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pronubes.connectors.live.app.MAX_CLIENTS", 1)
    async with page.events() as events:
        await until(events, "hello")
        refused = await page.http.get("/events")
    async with asyncio.timeout(5):
        await _until_a_place_is_free(page)  # the server notices a moment later that the first has left
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


async def _until_a_place_is_free(page: Page) -> None:
    while True:
        async with page.http.stream("GET", "/events") as answer:
            if answer.status_code == 200:
                return
        await asyncio.sleep(0.02)


async def test_a_client_that_does_not_read_is_cut_off_and_holds_nothing_up(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "STALL_S", 0.3)
    monkeypatch.setattr("pronubes.connectors.live.app.MAX_CLIENTS", 2)
    for number in range(25_000):
        page.view.put(f"acme/line/{number}", {"value": "x" * 1000})
    stalled = socket.create_connection(("127.0.0.1", page.port))
    stalled.sendall(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n")
    async with page.events() as events:
        values = json.loads((await until(events, "values"))["data"])["values"]
        async with asyncio.timeout(20):
            await _until_a_place_is_free(page)  # two streams are open until the stalled one is cut off
        received = await asyncio.get_running_loop().run_in_executor(None, _read_to_end, stalled)
    assert len(values) == 5000
    assert received < 25_000 * 1000


def _read_to_end(stalled: socket.socket) -> int:
    """Count what was on its way when the server cut off; a stream that goes on never ends here."""
    stalled.settimeout(10)
    received = 0
    with stalled, contextlib.suppress(ConnectionResetError):
        while part := stalled.recv(1 << 20):
            received += len(part)
    return received


async def test_a_taken_port_is_told() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(NotConnected, match=f"Port {port} on 127.0.0.1 is taken by another program"):
            await LiveSink(LiveOptions(port=port), context()).serve(FakeEngineView())


async def test_it_leaves_at_once_with_clients_and_serves_again_on_the_same_port() -> None:
    view = FakeEngineView()
    view.put("a", 1)
    async with served(view) as page, page.events() as events:
        last = (await until(events, "values"))["id"]
        port = page.port
    async with served(view, port=port, seed=2) as page, page.events(headers={"last-event-id": last}) as events:
        again = (await until(events, "values"))["id"]
    assert again.split(":")[0] != last.split(":")[0]
