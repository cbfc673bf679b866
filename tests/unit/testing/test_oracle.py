"""The oracle finds everything that can be wrong with an account, and nothing where all is right."""

from __future__ import annotations

import pytest

from pronubes.testing import Oracle


def oracle_with(delivered: int, *, issued: int = 10, acknowledged: int = 10, **options) -> tuple[Oracle, list[bytes]]:
    oracle = Oracle(keys=2, **options)
    payloads = [payload for _, payload in oracle.issue(issued)]
    for payload in payloads[:acknowledged]:
        oracle.acknowledged(payload)
    for payload in payloads[:delivered]:
        oracle.delivered(payload)
    return oracle, payloads


def test_a_full_account_is_right():
    oracle, payloads = oracle_with(6)
    oracle.quarantined(payloads[6])
    oracle.dropped(1)
    verdict = oracle.check(still_buffered=2)
    assert (verdict.issued, verdict.delivered, verdict.quarantined, verdict.dropped, verdict.still_buffered) == (10, 6, 1, 1, 2)
    assert not oracle.is_complete()


def test_payloads_in_a_buffer_settle_their_own_and_no_other():
    oracle, payloads = oracle_with(8)
    oracle.check(still_buffered=payloads[7:])
    with pytest.raises(AssertionError, match="1 acknowledged messages are lost"):
        oracle.check(still_buffered=[payloads[8], payloads[0]])


def test_what_is_in_no_account_is_found():
    oracle, _ = oracle_with(8, acknowledged=8)
    with pytest.raises(AssertionError, match=r"2 of 10 messages are in no account, among them \[8, 9\]"):
        oracle.check()


def test_an_account_that_claims_too_much_is_found():
    oracle, _ = oracle_with(10)
    with pytest.raises(AssertionError, match="3 messages more than were issued"):
        oracle.check(still_buffered=3)


def test_a_drop_excuses_nothing_under_durable():
    for is_durable in (False, True):
        oracle, _ = oracle_with(9, is_durable=is_durable)
        oracle.dropped(1)
        assert bool(oracle.verdict().faults) == is_durable


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b'{"id":10,"value":2707236321,"text":""}', "Number 10 was delivered, and nobody issued it."),
        (b'{"id":3,"value":1,"text":""}', "a payload that is not its own"),
        (b'{"id":"x"}', "that nobody issued"),
        (b"", "that nobody issued"),
    ],
)
def test_inventions_and_wrong_payloads_are_found(payload, sentence):
    oracle, _ = oracle_with(10)
    oracle.delivered(payload)
    with pytest.raises(AssertionError, match=sentence):
        oracle.check()


def test_duplicates_are_counted_and_may_be_bounded():
    oracle, payloads = oracle_with(10)
    oracle.delivered(payloads[3])
    assert oracle.check().duplicates == 1
    with pytest.raises(AssertionError, match="1 deliveries are duplicates; 0 were allowed"):
        oracle.check(max_duplicates=0)


def test_order_is_judged_by_key_on_first_deliveries_live_and_replayed_apart():
    oracle, payloads = oracle_with(0)
    for number in (1, 0, 3, 1, 2, 8, 9):  # between keys any order; a duplicate of 1 is no step back
        oracle.delivered(payloads[number])
    for number in (4, 5, 6, 7):
        oracle.delivered(payloads[number], is_replayed=True)
    assert oracle.check().faults == []
    late, payloads = oracle_with(0)
    late.delivered(payloads[2])
    late.delivered(payloads[0])
    assert late.verdict(still_buffered=8).faults == ["Key 0: 0 came after 2."]
