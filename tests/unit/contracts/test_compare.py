"""What a change breaks: one row per rule and direction."""

from typing import Any

import pytest

from pronubes.contracts.compare import changes, sentence
from pronubes.contracts.folder import read_contract_text
from pronubes.contracts.meaning import Meaning, digest

HEAD = "contract: a\nversion: 1\n"


def meaning(fields: str, rest: str = "") -> Meaning:
    return read_contract_text(f"{HEAD}payload: {{{fields}}}\n{rest}").meaning


def field(rules: str) -> Meaning:
    return meaning(f"v: {{{rules}}}, q: {{type: string, optional: true}}", "quality: q\n")


READERS, SENDERS, BOTH, MINOR = "readers", "senders", "readers and senders", ""


@pytest.mark.parametrize(
    ("old", "new", "breaks", "text"),
    [
        ("type: integer", "type: number", READERS, "`type` of `v` was integer, is number"),
        ("type: number", "type: integer", SENDERS, "`type` of `v` was number, is integer"),
        ("type: number", "type: any", READERS, "`type` of `v` was number, is any"),
        ("type: number", "type: string", BOTH, "`type` of `v` was number, is string"),
        ("type: number", "type: number, unit: bar", MINOR, "`unit` of `v` is new: bar"),
        ("type: number, unit: bar", "type: number, unit: mbar", BOTH, "`unit` of `v` was bar, is mbar"),
        ("type: number, unit: bar", "type: number", READERS, "`unit` of `v` is gone, was bar"),
        ("type: number, range: [0, 10]", "type: number, range: [0, 20]", READERS, "`range` of `v` was [0,10], is [0,20]"),
        ("type: number, range: [0, 10]", "type: number, range: [1, 10]", SENDERS, "`range` of `v` was [0,10], is [1,10]"),
        ("type: number, range: [0, 10]", "type: number, range: [-1, 9]", BOTH, "`range` of `v` was [0,10], is [-1,9]"),
        ("type: number, range: [0, 10]", "type: number, range: [0, null]", READERS, "`range` of `v` was [0,10], is [0,null]"),
        ("type: number, range: [null, 10]", "type: number", READERS, "`range` of `v` is gone, was [null,10]"),
        ("type: number", "type: number, range: [0, null]", SENDERS, "`range` of `v` is new: [0,null]"),
        ("type: string, length: [1, 5]", "type: string, length: [1, 6]", READERS, "`length` of `v` was [1,5], is [1,6]"),
        ("type: string, enum: [A]", "type: string, enum: [A, B]", READERS, '`enum` of `v` was ["A"], is ["A","B"]'),
        ("type: string, enum: [A, B]", "type: string, enum: [A]", SENDERS, '`enum` of `v` was ["A","B"], is ["A"]'),
        ("type: string", "type: string, enum: [A]", SENDERS, '`enum` of `v` is new: ["A"]'),
        ("type: string, pattern: a+", "type: string", READERS, "`pattern` of `v` is gone, was a+"),
        ("type: string, pattern: a+", "type: string, pattern: b+", BOTH, "`pattern` of `v` was a+, is b+"),
        ("type: integer, time: s", "type: integer, time: ms", BOTH, "`time` of `v` was s, is ms"),
        ("type: integer, time: s", "type: integer, time: s, not_after: 5s", SENDERS, "`not_after` of `v` is new: 5"),
        ("type: integer, time: s, not_after: 5s", "type: integer, time: s, not_after: 9s", READERS, "`not_after` of `v` was 5, is 9"),
        ("type: number", "type: number, null: allowed", READERS, "`null` of `v` is new: allowed"),
        ("type: number, null: allowed", "type: number", SENDERS, "`null` of `v` is gone, was allowed"),
        ("type: number, null: when_bad", "type: number, null: allowed", READERS, "`null` of `v` was when_bad, is allowed"),
        ("type: number", "type: number, null: when_bad", BOTH, "`null` of `v` is new: when_bad"),
        ("type: number", "type: number, optional: true", READERS, "`optional` of `v` is new: true"),
        ("type: number, optional: true", "type: number", SENDERS, "`optional` of `v` is gone, was true"),
    ],
)
def test_a_changed_rule_breaks(old: str, new: str, breaks: str, text: str) -> None:
    (change,) = changes(field(old), field(new))
    assert (change.breaks, sentence(change)) == (breaks, text)


@pytest.mark.parametrize(
    ("old", "new", "breaks", "text"),
    [
        (("v: {type: number}", ""), ("v: {type: number}, w: {type: number}", ""), SENDERS, "`w` is new and required"),
        (("v: {type: number}", ""), ("v: {type: number}, w: {type: number, optional: true}", ""), MINOR, "`w` is new and optional"),
        (("v: {type: number}, w: {type: number}", ""), ("v: {type: number}", ""), READERS, "`w` is gone"),
        (("v: {type: number}, w: {type: number}", "extra: refuse\n"), ("v: {type: number}", "extra: refuse\n"), BOTH, "`w` is gone"),
        (("v: {type: number}", ""), ("v: {type: number}", "extra: refuse\n"), SENDERS, "`extra` was keep, is refuse"),
        (("v: {type: number}", "mode: reject\n"), ("v: {type: number}", "mode: observe\n"), READERS, "`mode` was reject, is observe"),
        (("v: {type: number}", "mode: observe\n"), ("v: {type: number}", "mode: reject\n"), MINOR, "`mode` was observe, is reject"),
        (("v: {type: number}", "retain: true\n"), ("v: {type: number}", ""), READERS, "`retain` is gone, was true"),
        (("v: {type: string}", ""), ("v: {type: string}", "quality: v\n"), SENDERS, "`quality` is new"),
        (
            ("v: {type: string}", "quality: {field: v, good: [a], uncertain: [], bad: [b]}\n"),
            ("v: {type: string}", "quality: {field: v, good: [a], uncertain: [], bad: [b, c]}\n"),
            READERS,
            '`quality.bad` adds "c"',
        ),
    ],
)
def test_a_change_of_the_whole_breaks(old: tuple[str, str], new: tuple[str, str], breaks: str, text: str) -> None:
    (change,) = changes(meaning(*old), meaning(*new))
    assert (change.breaks, sentence(change)) == (breaks, text)


def test_an_object_that_becomes_a_bare_value_breaks_everybody() -> None:
    scalar = read_contract_text(f"{HEAD}scalar: {{type: number}}\n").meaning
    (change,) = changes(meaning("v: {type: number}"), scalar)
    assert (change.breaks, sentence(change)) == (BOTH, "`payload` was an object, is a bare value")


@pytest.mark.parametrize(
    "text",
    [
        "# why\ncontract: a\nversion: 1\ndescription: x\nowner: y\nsteward: z\nstate: deprecated\n"
        "payload:\n  w: {type: string, description: d}\n  v: {range: [0.0, 10], type: number}\n",
        "contract: a\nversion: 1\nmode: quarantine\nextra: keep\n"
        "payload:\n  v: {type: number, range: [0, 10.0], optional: false, null: never}\n  w: {type: string}\n",
    ],
)
def test_comments_owners_state_order_and_defaults_are_no_part_of_the_meaning(text: str) -> None:
    base = meaning("v: {type: number, range: [0, 10]}, w: {type: string}")
    other = read_contract_text(text).meaning
    assert (changes(base, other), digest(other)) == ([], digest(base))


def test_the_hash_of_a_meaning_never_changes() -> None:
    """Lock files in the field hold it: a change here is a change of the format."""
    samples: list[Any] = [meaning("v: {type: number, unit: bar, range: [0, 10]}"), field("type: integer, time: ms, not_after: 5s")]
    assert [digest(one)[:19] for one in samples] == ["sha256:dfefddb0ca51", "sha256:a252fe1cd0e4"]
