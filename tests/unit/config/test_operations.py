"""Where metrics may be served, and how often a canary may be sent."""

from __future__ import annotations

from typing import Any

import pytest

from pronubes.config.load import load_values
from pronubes.errors import ConfigurationError

PLAN: dict[str, Any] = {"version": 1, "name": "n"}


@pytest.mark.parametrize(
    ("listen", "host", "port", "is_loopback"),
    [
        ("127.0.0.1:9464", "127.0.0.1", 9464, True),
        ("127.9.9.9:0", "127.9.9.9", 0, True),
        ("localhost:9464", "localhost", 9464, True),
        ("[::1]:9464", "::1", 9464, True),
    ],
)
def test_this_machine_may_be_listened_to_without_more(listen: str, host: str, port: int, is_loopback: bool) -> None:
    metrics = load_values(PLAN | {"metrics": {"listen": listen}}).configuration.metrics
    assert metrics is not None
    assert (metrics.host, metrics.port, metrics.is_loopback) == (host, port, is_loopback)


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "[::]:9464", "192.168.1.5:9464"])
def test_other_machines_need_a_written_permission(listen: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_values(PLAN | {"metrics": {"listen": listen}})
    (finding,) = refused.value.diagnostics
    assert (finding.path, "allow_plaintext: true" in (finding.hint or "")) == ("metrics.listen", True)
    metrics = load_values(PLAN | {"metrics": {"listen": listen, "allow_plaintext": True}}).configuration.metrics
    assert metrics is not None
    assert not metrics.is_loopback


@pytest.mark.parametrize(
    "listen", ["9464", ":9464", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "plant.example:9464", "::1:9464", "127.0.0.1:\u0661"]
)
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ConfigurationError):
        load_values(PLAN | {"metrics": {"listen": listen}})


@pytest.mark.parametrize(("every", "seconds"), [("500ms", 0.5), ("10s", 10.0), ("1h", 3600.0)])
def test_a_canary_is_sent_as_often_as_asked(every: str, seconds: float) -> None:
    assert load_values(PLAN | {"health": {"every": every}}).configuration.health.every == seconds
    assert load_values(PLAN).configuration.health.every == 10.0
    assert load_values(PLAN).configuration.metrics is None


@pytest.mark.parametrize("every", ["0", "1ms", "2h", 10])
def test_a_canary_is_sent_neither_all_the_time_nor_never(every: object) -> None:
    with pytest.raises(ConfigurationError):
        load_values(PLAN | {"health": {"every": every}})
