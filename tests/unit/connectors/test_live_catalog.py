"""The catalogue's addresses, its own and those of i3X."""

import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from bottling import context
from pronubes.connectors.live.app import make_app
from pronubes.connectors.live.feed import Feed
from pronubes.errors import NoCatalog
from pronubes.testing.views import FakeEngineView

TEMPERATURE = {
    "fields": [{"path": "value", "type": "number", "unit": "Cel"}],
    "quality": {"path": "quality"},
    "schema": {"type": "object", "properties": {"value": {"type": ["number", "null"]}}},
}


@contextlib.asynccontextmanager
async def asked(view: FakeEngineView) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(view, Feed(view, context=context(), history=10), history=10)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def view() -> FakeEngineView:
    view = FakeEngineView()
    view.known_contracts = {"temperature@1": TEMPERATURE}
    view.reports = [
        {
            "contract": "temperature@1",
            "judged": 2,
            "violated": 1,
            "rules": [{"field": "value", "rule": "contract_range", "count": 1}],
            "offenders": [{"topic": "acme/l1/temp", "reason": "contract_range"}, {"topic": "acme/l9/temp", "reason": "contract_range"}],
        }
    ]
    view.put("acme/l1/temp", {"value": 20.5, "quality": "GOOD"}, contract="temperature@1")
    view.put("acme/l2/temp", {"value": None, "quality": "BAD"}, contract="temperature@1")
    view.put("acme/l2/state", 7)
    return view


async def test_names_come_in_their_order_a_page_at_a_time(view):
    async with asked(view) as http:
        first = (await http.get("/api/catalog", params={"limit": 2})).json()
        rest = (await http.get("/api/catalog", params={"limit": 2, "after": first["next"]})).json()
    assert [topic["topic"] for topic in first["topics"] + rest["topics"]] == ["acme/l1/temp", "acme/l2/state", "acme/l2/temp"]
    assert rest["next"] is None
    assert {key: first["topics"][0][key] for key in ("value", "unit", "quality", "contract")} == {
        "value": 20.5,
        "unit": "Cel",
        "quality": "GOOD",
        "contract": "temperature@1",
    }


async def test_names_are_found_by_filter_and_by_text(view):
    async with asked(view) as http:
        by_filter = (await http.get("/api/catalog", params={"filter": "acme/+/temp"})).json()
        by_text = (await http.get("/api/catalog", params={"search": "stat"})).json()
    assert [topic["topic"] for topic in by_filter["topics"]] == ["acme/l1/temp", "acme/l2/temp"]
    assert [topic["topic"] for topic in by_text["topics"]] == ["acme/l2/state"]


async def test_one_name_has_its_contract_and_its_own_offenders(view):
    async with asked(view) as http:
        found = (await http.get("/api/catalog/topic", params={"topic": "acme/l1/temp"})).json()
        missing = await http.get("/api/catalog/topic", params={"topic": "acme"})
    assert [offender["topic"] for offender in found["offenders"]] == ["acme/l1/temp"]
    assert found["contract_rules"]["fields"][0]["unit"] == "Cel"
    assert missing.status_code == 404


async def test_levels_and_changes(view):
    async with asked(view) as http:
        children = (await http.get("/api/catalog/children", params={"prefix": "acme"})).json()
        first = (await http.get("/api/catalog/changes")).json()
        view.put("acme/l1/temp", {"value": 21})
        changes = (await http.get("/api/catalog/changes", params={"since": first["sequence"]})).json()
    assert [(child["name"], child["below"]) for child in children["children"]] == [("l1", 1), ("l2", 2)]
    assert [topic["value"] for topic in changes["topics"]] == [21]


async def test_contracts_with_what_they_judged(view):
    async with asked(view) as http:
        found = (await http.get("/api/contracts")).json()["contracts"]
    assert [(contract["contract"], contract["report"]["violated"]) for contract in found] == [("temperature@1", 1)]


@pytest.mark.parametrize("path", ["/api/catalog?limit=0", "/api/catalog?limit=5000", "/api/catalog/topic", "/api/catalog/changes?since=x"])
async def test_a_wrong_parameter_is_told(view, path):
    async with asked(view) as http:
        assert (await http.get(path)).status_code == 400


async def test_a_node_without_a_catalogue_says_how_to_have_one(view, monkeypatch):
    def none(*_arguments, **_options):
        raise NoCatalog

    for name in ("catalog_page", "catalog_children", "catalog_topic", "catalog_changes"):
        monkeypatch.setattr(view, name, none)
    async with asked(view) as http:
        own = await http.get("/api/catalog")
        i3x = await http.get("/i3x/v1/objects")
    assert (own.status_code, i3x.status_code) == (404, 404)
    assert "catalog: {}" in own.text


async def test_i3x_objects_are_found_from_the_roots_and_back(view):
    async with asked(view) as http:
        root = (await http.get("/i3x/v1/objects", params={"root": "true"})).json()["result"]
        related = (await http.post("/i3x/v1/objects/related", json={"elementIds": ["acme/l2"]})).json()["results"][0]["result"]
        everything = (await http.get("/i3x/v1/objects")).json()["result"]
    assert [(element["elementId"], element["parentId"], element["typeElementId"]) for element in root] == [("acme", None, "Level")]
    assert {(edge["sourceRelationship"], edge["object"]["elementId"]) for edge in related} == {
        ("HasParent", "acme"),
        ("HasChildren", "acme/l2/state"),
        ("HasChildren", "acme/l2/temp"),
    }
    ids = [element["elementId"] for element in everything]
    assert ids == ["acme", "acme/l1", "acme/l1/temp", "acme/l2", "acme/l2/state", "acme/l2/temp"]
    assert all(element["parentId"] is None or element["parentId"] in ids for element in everything)


async def test_i3x_every_type_of_an_object_is_registered_and_has_a_schema(view):
    async with asked(view) as http:
        types = (await http.get("/i3x/v1/objecttypes")).json()["result"]
        objects = (await http.get("/i3x/v1/objects")).json()["result"]
        one = (await http.post("/i3x/v1/objecttypes/query", json={"elementIds": ["temperature@1", "none"]})).json()
    assert {element["typeElementId"] for element in objects} <= {kind["elementId"] for kind in types}
    assert one["results"][0]["result"]["schema"] == TEMPERATURE["schema"]
    assert (one["success"], one["results"][1]["responseDetail"]["status"]) == (False, 404)


async def test_i3x_values_are_null_exactly_when_they_are_bad_or_missing(view):
    async with asked(view) as http:
        answer = (await http.post("/i3x/v1/objects/value", json={"elementIds": ["acme/l1/temp", "acme/l2/temp", "acme/l2", "nothing"]})).json()
    values = [result.get("result") for result in answer["results"]]
    assert [(value["value"], value["quality"]) for value in values[:3]] == [
        ({"value": 20.5, "quality": "GOOD"}, "Good"),
        (None, "Bad"),
        (None, "GoodNoData"),
    ]
    assert values[3] is None
    assert all(value["timestamp"].endswith("Z") for value in values[:3])


async def test_i3x_history_is_there_and_empty(view):
    body = {"elementIds": ["acme/l1/temp"], "startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-02T00:00:00Z"}
    async with asked(view) as http:
        info = (await http.get("/i3x/v1/info")).json()["result"]
        history = (await http.post("/i3x/v1/objects/history", json=body)).json()
    assert info["capabilities"]["query"]["history"] is False
    assert [value["quality"] for value in history["results"][0]["result"]["values"]] == ["GoodNoData"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"elementIds": []}', b'{"elementIds": [1]}', b'{"x":"' + b"y" * 2**20 + b'"}'])
async def test_i3x_a_wrong_body_is_a_problem(view, body):
    async with asked(view) as http:
        answer = await http.post("/i3x/v1/objects/value", content=body)
    assert answer.status_code == 400
    assert answer.json()["responseDetail"]["status"] == 400


async def test_i3x_what_is_not_offered_is_said(view):
    async with asked(view) as http:
        subscription = await http.post("/i3x/v1/subscriptions", json={"clientId": "me"})
        update = await http.put("/i3x/v1/objects/value", json={})
        other = await http.post("/api/catalog", json={})
    assert (subscription.status_code, update.status_code, other.status_code) == (501, 405, 405)


async def test_i3x_too_many_objects_are_a_part_and_say_so(view, monkeypatch):
    monkeypatch.setattr("pronubes.connectors.live.i3x.MOST_OBJECTS", 3)
    async with asked(view) as http:
        answer = await http.get("/i3x/v1/objects")
    assert (answer.status_code, len(answer.json()["result"])) == (206, 3)
