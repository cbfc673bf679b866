"""The codes of `Status` are those that the engine knows by these names."""

import orjson

from pronubes import Router
from pronubes.connectors.status import Status


def test_every_code_has_the_name_that_the_standard_gives_it() -> None:
    router = Router.from_dict(
        {
            "version": 1,
            "name": "n",
            "sources": {"a": {"type": "ndjson", "path": "-"}},
            "sinks": {"s": {"type": "stdout"}},
            "routes": {"r": {"filter": "t", "steps": [{"shape": {"from": "opcua", "to": "record"}}], "to": "s"}},
        }
    )
    messages = [("t", orjson.dumps({"Value": 1, "StatusCode": int(status)})) for status in Status]
    names = [orjson.loads(outcome.payload)["quality"] for outcome in router.route("a", messages, now_ns=0)]
    assert names == ["".join(part.capitalize() for part in status.name.split("_")) for status in Status]
