"""The account is made from what a status reports, whatever it leaves out."""

from pronubes.telemetry.account import LEDGERS, unbalanced

SOURCE = {"name": "plant", "received": 7, "matched": 5, "unrouted": 1, "rejected": 1, "dropped": 0}
SINK = {"name": "uns", "emitted": 5, "delivered": 3, "dropped": 1, "quarantined": 0, "buffered": 1}


def test_what_adds_up_is_not_named():
    assert list(unbalanced({"sources": [SOURCE], "sinks": [SINK], "routes": [], "quarantine": {"received": 2, "written": 1, "buffered": 1}})) == []


def test_each_ledger_that_does_not_add_up_is_named_even_if_two_errors_cancel_out():
    status = {"sinks": [SINK | {"delivered": 4}, SINK | {"name": "sql", "delivered": 2}], "quarantine": {"received": 1}}
    assert list(unbalanced(status)) == [("sinks uns", -1), ("sinks sql", 1), ("quarantine", 1)]
    assert sum(ledger.sum(status).difference for ledger in LEDGERS) == 1
