"""A sink that may drop messages is not for routes that promise to deliver them."""

import pytest

from pronubes.config.load import load_text
from pronubes.errors import ConfigurationError

TEXT = """\
version: 1
name: n
sources:
  a: {{type: mqtt, url: mqtt://127.0.0.1, topics: [a], qos: {qos}}}
  b: {{type: generator}}
sinks:
  k: {{type: stdout, queue: {{policy: {policy}}}}}
routes:
  r: {{filter: a, {route} to: k}}
"""


def codes(policy: str, *, qos: int = 1, route: str = "") -> list[tuple[str, str]]:
    try:
        load_text(TEXT.format(policy=policy, qos=qos, route=route))
    except ConfigurationError as error:
        return [(diagnostic.code, diagnostic.path) for diagnostic in error.diagnostics]
    return []


REFUSED = [("drop_policy", "routes.r.to[0]")]


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest", "keep_latest"])
def test_a_policy_that_drops_contradicts_a_promise(policy: str) -> None:
    assert codes(policy) == REFUSED


@pytest.mark.parametrize(
    ("policy", "qos", "route", "expected"),
    [
        ("block", 1, "", []),
        ("drop_oldest", 0, "", []),
        ("drop_oldest", 0, "delivery: through,", REFUSED),
        ("drop_oldest", 1, "delivery: volatile,", []),
        ("drop_oldest", 1, "from: b,", []),
        ("drop_oldest", 1, "from: [b, a],", REFUSED),
        ("drop_oldest", 1, "from: nowhere,", [("unknown_source", "routes.r.from[0]")]),
    ],
)
def test_which_routes_promise(policy: str, qos: int, route: str, expected: list[tuple[str, str]]) -> None:
    assert codes(policy, qos=qos, route=route) == expected
