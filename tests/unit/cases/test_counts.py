"""Cases that count: what is right passes, what is not is named, what no count covers is a failure."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pronubes.cases.suite import Suite, Verdict, run_case
from pronubes.cases.update import update
from pronubes.errors import ConfigurationError

GIVEN = """\
given:
  - {topic: raw/l1/temp/t1, payload: {value: 1, quality: GOOD}}
  - {topic: raw/l1/temp/t2, payload: {value: 2, quality: GOOD}}
  - {topic: raw/l2/temp/t1, payload: {value: 3, quality: GOOD}}
  - {topic: raw/l2/temp/t1, payload: {value: x, quality: GOOD}}
  - {topic: raw/kept, payload: 1, retain: true}
  - {topic: raw/strict, payload: {value: 11}}
  - {topic: raw/nobody, payload: 1}
"""
FAULTS = "quarantine: {wrong_type: 1}, rejected: {contract_range: 1}, unrouted: 1"


@pytest.mark.parametrize(
    "counts",
    [
        f"{{routes: {{temperatures: 3, broker: 1, split: 0}}, {FAULTS}}}",
        f'{{topics: {{cologne/l1/+: 2, "cologne/#": 3, raw/kept: 1, "none/#": 0}}, {FAULTS}}}',
        f"{{sinks: {{uns: 4, history: {{$between: [1, 3]}}}}, {FAULTS}}}",
        f"{{routes: {{temperatures: {{$any: integer}}}}, topics: {{raw/kept: 1}}, {FAULTS}}}",
    ],
)
def test_what_is_counted_right_passes(judged: Callable[[str], Verdict], counts: str) -> None:
    assert judged(f"{GIVEN}counts: {counts}").differences == []


def test_every_wrong_count_is_said_with_its_line(judged: Callable[[str], Verdict]) -> None:
    verdict = judged(
        GIVEN
        + """\
counts:
  routes: {temperatures: 4, broker: 1}
  topics:
    cologne/l1/t1: {$between: [5, 6]}
  sinks: {history: 4}
  quarantine: {wrong_type: 2}
  rejected: {contract_range: 0}
  unrouted: 0
"""
    )
    assert [(one.line, one.sentence) for one in verdict.differences] == [
        (12, "Messages that leave route `temperatures`: 3, expected 4."),
        (14, "Messages that leave under `cologne/l1/t1`: 1, expected 5 to 6."),
        (15, "Messages that go to `history`: 3, expected 4."),
        (16, "Messages quarantined with the reason `wrong_type`: 1, expected 2."),
        (17, "Messages thrown away with the reason `contract_range`: 1, expected 0."),
        (18, "Messages that no route takes: 1, expected 0."),
    ]


def test_what_no_count_covers_is_a_failure(judged: Callable[[str], Verdict]) -> None:
    verdict = judged(f"{GIVEN}counts: {{topics: {{cologne/l1/+: 2}}}}")
    assert [one.sentence for one in verdict.differences] == [
        "Messages that leave under `cologne/l2/t1`: 1, and no count covers them.",
        "Messages that leave under `raw/kept`: 1, and no count covers them.",
        "Messages quarantined with the reason `wrong_type`: 1, and no count covers them.",
        "Messages thrown away with the reason `contract_range`: 1, and no count covers them.",
        "No route takes a message.",
    ]
    rest = "quarantine: {reason: wrong_type}\nrejected: {reason: contract_range}\nunrouted: [raw/nobody]"
    listed = judged(GIVEN + "counts: {topics: {'#': 4}}\n" + rest)
    assert listed.differences == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("counts: {routes: {temperature: 1}}", "no route `temperature`"),
        ("counts: {sinks: {un: 1}}", "no sink `un`"),
        ("counts: {quarantine: {wrong_typ: 1}}", "no reason `wrong_typ`"),
        ('counts: {topics: {"a/#/b": 1}}', "must be alone"),
        ("counts: {topics: {a: -1}}", "no count"),
        ("counts: {topics: {a: {$betwen: [1, 2]}}}", "$betwen"),
        ("counts: {topics: {a: 1}}\nexpect: {topic: a}", "either listed or counted"),
        ("counts: {quarantine: {wrong_type: 1}}\nquarantine: {reason: wrong_type}", "both listed and counted"),
        ("counts: {topics: {a: 1}}\nnothing: true", "cannot both be right"),
    ],
)
def test_wrong_counts_are_refused(judged: Callable[[str], Verdict], keys: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        judged(f"{GIVEN}{keys}")
    assert said in str(raised.value)


def test_update_writes_what_was_counted_and_keeps_what_is_right(folder: Path, read: Callable[[str], Any]) -> None:
    text = "cases:\n  - name: it\n" + "".join(f"    {line}\n" for line in GIVEN.splitlines())
    text += "    counts:\n      routes: {temperatures: 1}\n      sinks: {history: {$between: [0, 9]}}\n      quarantine: {missing_field: 2}\n"
    suite, cases = read(text)
    assert update([run_case(suite, named) for named in cases]).is_complete
    path = folder / "tests" / "c.yaml"
    assert path.read_text(encoding="utf-8").partition("    counts:\n")[2] == (
        '      routes: {temperatures: 3}\n      topics: {raw/kept: 1}\n      sinks: {history: {"$between": [0, 9]}}\n'
        "      quarantine: {wrong_type: 1, missing_field: 0}\n      rejected: {contract_range: 1}\n      unrouted: 1\n"
    )
    again = Suite(folder / "pronubes.yaml")
    assert [run_case(again, named).kind for named in again.read([path])] == ["passed"]


def test_a_recording_is_counted_with_its_times_and_flags(folder: Path, judged: Callable[[str], Verdict]) -> None:
    from pronubes.cli import main

    begin = 1_770_000_000_000_000_000
    lines = [f'{{"topic":"raw/slow/a","payload":{{"value":{n}}},"received_ns":{begin + n * 1_000_000_000}}}' for n in range(25)]
    lines.append(f'{{"topic":"raw/kept","payload":1,"received_ns":{begin + 25_000_000_000},"qos":2,"source":"plant"}}')
    (folder / "line.ndjson").write_text("\n".join(lines), encoding="utf-8")
    assert main(["recording", "convert", str(folder / "line.ndjson"), str(folder / "line.pnrec")]) == 0
    verdict = judged("given: [{recording: ../line.pnrec}, {advance: 10s}]\ncounts: {topics: {slow/a: 4, raw/kept: 1}}")
    assert verdict.differences == []
    assert verdict.happening is not None
    assert verdict.happening.start_ns == begin
    assert verdict.happening.outputs[-2].at_ns - begin in (20_000_000_000, 25_000_000_000)
    (folder / "line.pnrec").write_bytes((folder / "line.pnrec").read_bytes()[:-64])
    broken = judged("given: {recording: ../line.pnrec}\ncounts: {topics: {'#': 4}}")
    assert broken.kind == "broken"
    assert "has no end" in broken.problem
