"""Cases that run: what happens, and what is said of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pronubes.cases.report import failure_lines
from pronubes.cases.suite import Verdict, VerdictKind

Judged = Callable[[str], Verdict]
GOOD = "{topic: raw/l1/temp/t1, payload: {value: 20, quality: GOOD}}"


@pytest.mark.parametrize(
    "case",
    [
        f"given: {GOOD}\nexpect: {{topic: cologne/l1/t1, payload: {{value: 68.0}}}}",
        f"given: {GOOD}\nexpect: {{topic: '${{site}}/l1/t1', text: '{{\"value\":68.0}}', route: temperatures, at: 0}}",
        f"given: {GOOD}\nexpect: {{topic: cologne/l1/t1, base64: eyJ2YWx1ZSI6NjguMH0=, sink: [history, uns]}}",
        f"given: {GOOD}\nvars: {{site: berlin}}\nexpect: {{topic: berlin/l1/t1}}",
        f"given: {GOOD}\nexpect:\n  - {{topic: cologne/l1/t1, sink: uns, retain: true, qos: 1}}\n"
        "  - {topic: cologne/l1/t1, sink: history, retain: false, qos: 0}",
        f"given: {GOOD}\nexpect:\n  - {{topic: cologne/l1/t1, sink: history}}\n  - {{topic: cologne/l1/t1, sink: uns}}",
        f"given: [{{advance: 5s}}, {GOOD}]\nexpect: {{topic: cologne/l1/t1, at: 5s}}",
        "given: {topic: raw/l1/temp/t1, at: 1500ms, payload: {value: 20, quality: GOOD}, source_time: -2s}\n"
        "expect: {topic: cologne/l1/t1, at: 1.5s, source_time: -2s}",
        "start: 2030-01-01T00:00:00.5Z\ngiven: {topic: raw/l1/temp/t1, payload: {value: 20, quality: GOOD}, source_time: 1s}\n"
        "expect: {topic: cologne/l1/t1, source_time: 2030-01-01T00:00:01.5Z}",
        "given: {topic: raw/l1/temp/t1, payload: {value: 20, quality: BAD}}\nnothing: true",
        "given: {topic: raw/l1/temp/t1, payload: {value: 20, quality: BAD}}\nunrouted: raw/l1/temp/t1",
        "given: [{topic: raw/x, payload: 1}, {topic: raw/y, payload: 2}]\nunrouted: 2",
        'given: {topic: raw/l1/temp/t1, text: ""}\nquarantine: {reason: invalid_json, route: temperatures, topic: raw/l1/temp/t1}',
        "given: {topic: raw/l1/temp/t1, payload: {value: x, quality: GOOD}}\nquarantine: {reason: wrong_type, step: 1}",
        "given: {topic: raw/l1/temp/t1, payload: {value: x, quality: GOOD}}\nquarantine: {reason: wrong_type, step: scale, detail: value}",
        'given: {topic: "raw/+", payload: 1}\nquarantine: {reason: invalid_topic}',
        "given: {topic: raw/split, payload: {points: {a: 1, b: 2}}}\nexpect: [{topic: split/a, payload: 1}, {topic: split/b, payload: 2}]",
        "given: {topic: raw/split, payload: {points: {a: 1, b: 2}}}\nany_order: true\nexpect: [{topic: split/b}, {topic: split/a}]",
        "given: {topic: raw/split, payload: {points: {a: 1, b: 1}}}\n"
        "expect: [{topic: split/a, sink: uns}, {topic: split/a, sink: history}, {topic: split/b}]",
        "given: [{topic: raw/kept, payload: 1, retain: true}, {topic: raw/kept, payload: 2, qos: 2}]\n"
        "expect: [{topic: raw/kept, payload: 1, retain: false}, {topic: raw/kept, payload: 2}]",
        "given: {topic: raw/hook, payload: {value: 2}}\nexpect: {topic: raw/hook, payload: {twice: 4, behind: true}}",
        "given: {topic: raw/hook, payload: {value: gone}}\nnothing: true",
        "given: {topic: raw/hook, payload: {}}\nquarantine: {reason: hook_failed, step: python, detail: KeyError}",
        "given: {topic: raw/hook, payload: {value: slow}}\nquarantine: {reason: hook_timeout}",
        "given: {topic: raw/strict, payload: {value: 11}}\nrejected: {reason: contract_range, route: strict, topic: raw/strict}",
        "given: {source: made, topic: raw/l1/temp/t1, payload: {}}\nunrouted: raw/l1/temp/t1",
        "given: [{topic: raw/slow/a, payload: 1}, {topic: raw/slow/a, payload: 2, at: 1s}, {topic: raw/slow/a, payload: 3, at: 2s},"
        " {topic: raw/slow/b, payload: 1}, {advance: 60s}]\nexpect: [{topic: slow/a, payload: 1, at: 0s}, {topic: slow/b, at: 2s},"
        " {topic: slow/a, payload: 3, at: 10s}]",
        # How many messages come meanwhile changes nothing about when a timer fires.
        "given: [{topic: raw/slow/a, payload: 1}, {topic: raw/slow/a, payload: 2, at: 1s}, {advance: 60s}]\n"
        "expect: [{topic: slow/a, payload: 1, at: 0s}, {topic: slow/a, payload: 2, at: 10s}]",
        "given: [{topic: raw/slow/a, payload: 1}, {topic: raw/slow/a, payload: 2}]\nexpect: {topic: slow/a, payload: 1}",
        "given: {topic: raw/x, payload: 1}\nskip: later",
    ],
)
def test_what_is_right_passes(judged: Judged, case: str) -> None:
    verdict = judged(case)
    assert verdict.kind is (VerdictKind.SKIPPED if "skip:" in case else VerdictKind.PASSED), list(failure_lines(verdict, config="c"))


@pytest.mark.parametrize(
    ("case", "kinds"),
    [
        (f"given: {GOOD}\nnothing: true", ["unexpected"]),
        (f"given: {GOOD}", ["unexpected"]),
        (f"given: {GOOD}\nexpect: {{topic: cologne/l1/t1, sink: uns}}", ["unexpected"]),
        (f"given: {GOOD}\nexpect: {{topic: cologne/l1/t1, sink: [uns, history], retain: true}}", ["different"]),
        (f"given: {GOOD}\nexpect: {{topic: cologne/l1/t2}}", ["missing", "unexpected"]),
        (f"given: {GOOD}\nexpect: {{topic: cologne/l1/t1, at: 1s}}", ["different"]),
        (f"given: {GOOD}\nexpect: {{topic: cologne/l1/t1, qos: 1}}", ["different"]),
        (f"given: {GOOD}\nexpect: {{topic: cologne/l1/t1, source_time: 0s}}", ["different"]),
        (f"given: {GOOD}\nexpect: {{topic: cologne/l1/t1, route: split}}", ["different"]),
        (f"given: {GOOD}\nexpect: {{topic: cologne/l1/t1, text: '{{\"value\": 68.0}}'}}", ["different"]),
        (f"given: {GOOD}\nexpect: [{{topic: cologne/l1/t1}}, {{topic: cologne/l1/t1}}]", ["missing"]),
        ("given: {topic: raw/split, payload: {points: {a: 1, b: 2}}}\nexpect: [{topic: split/b}, {topic: split/a}]", ["order"]),
        ("given: {topic: raw/x, payload: 1}\nexpect: []", ["unrouted"]),
        ("given: {topic: raw/x, payload: 1}\nunrouted: 2", ["unrouted"]),
        ("given: {topic: raw/x, payload: 1}\nunrouted: [raw/x, raw/y]", ["missing"]),
        ("given: {topic: raw/hook, payload: {value: gone}}\nexpect: []", ["empty"]),
        ("given: {topic: raw/hook, payload: {}}\nnothing: true", ["unexpected"]),
        ("given: {topic: raw/hook, payload: {}}\nquarantine: {reason: hook_timeout}", ["different"]),
        ("given: {topic: raw/hook, payload: {}}\nquarantine: {reason: hook_failed, step: 2}", ["different"]),
        ("given: {topic: raw/hook, payload: {}}\nquarantine: [{reason: hook_failed}, {reason: hook_failed}]", ["missing"]),
        ("given: {topic: raw/strict, payload: {value: 11}}\nnothing: true", ["unexpected"]),
        ("given: {topic: raw/strict, payload: {value: 1}}\nexpect: {topic: raw/strict}\nrejected: {reason: contract_range}", ["missing"]),
    ],
)
def test_what_is_not_expected_or_does_not_come_is_said(judged: Judged, case: str, kinds: list[str]) -> None:
    verdict = judged(case)
    assert (verdict.kind, sorted(one.kind for one in verdict.differences)) == (VerdictKind.FAILED, kinds)


def test_people_read_what_differs_and_why(judged: Judged) -> None:
    verdict = judged("""\
        given:
          - {topic: raw/l1/temp/t1, payload: {value: 20, quality: GOOD}}
          - {topic: raw/l1/temp/t2, payload: {value: 20, quality: BAD}}
          - {topic: raw/l1/pressure/t3, payload: 1}
        expect:
          - {topic: cologne/l1/t1, payload: {value: 68.1, unit: K}}
          - {topic: cologne/l1/t2}
        unrouted: 2
    """)
    assert "\n".join(failure_lines(verdict, config="pronubes.yaml")) == (
        "A message is not as expected.  (line 8)\n"
        "  cologne/l1/t1 -> uns, history  by route temperatures\n"
        "    made of raw/l1/temp/t1\n"
        "    value  expected 68.1, found 68.0\n"
        '    unit   expected "K", not there\n'
        "An expected message does not leave.  (line 9)\n"
        "  cologne/l1/t2\n"
        '    raw/l1/temp/t2: route temperatures leaves it out: `payload.quality == "GOOD"` is false\n'
        "    raw/l1/pressure/t3: no route takes it; the nearest, temperatures, wants `temp` at level 3 and finds `pressure`\n"
        "more: pronubes explain -c pronubes.yaml --source plant --received-ms 1767225600000 raw/l1/temp/t1 "
        '\'{"value":20,"quality":"GOOD"}\''
    )


def test_a_recording_keeps_its_times(folder: Path, judged: Judged) -> None:
    begin = 1_732_270_000_000_000_000
    seen = [
        {"topic": "raw/l1/temp/t1", "payload": {"value": value, "quality": "GOOD"}, "time_ns": begin + after}
        for value, after in ((1, 0), (2, 2_000_000_000), (3, 1_000_000_000), (4, 2_500_000_000))
    ]
    (folder / "tests" / "seen.ndjson").write_text("".join(f"{json.dumps(one)}\n" for one in seen), encoding="utf-8")
    verdict = judged("""\
        given: {recording: seen.ndjson}
        expect:
          - {topic: cologne/l1/t1, at: 0s, source_time: 2024-11-22T10:06:40Z}
          - {topic: cologne/l1/t1, at: 2s}
          - {topic: cologne/l1/t1, at: 2s, source_time: 2024-11-22T10:06:41Z}
          - {topic: cologne/l1/t1, at: 2.5s}
    """)
    assert verdict.kind is VerdictKind.PASSED, list(failure_lines(verdict, config="c"))


def test_a_recording_that_is_not_there_breaks_the_case(judged: Judged) -> None:
    verdict = judged("given: {recording: seen.ndjson}\nnothing: true")
    assert verdict.kind is VerdictKind.BROKEN
    assert "seen.ndjson" in verdict.problem
