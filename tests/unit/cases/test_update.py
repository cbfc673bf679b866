"""`--update` writes what came, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pronubes.cases.suite import Suite, run_case
from pronubes.cases.update import _flow, update

TEXT = """\
# Cases of the line.
cases:
  # The first one.
  - name: scaled          # a comment that stays
    given:
      - {topic: raw/l1/temp/t1, payload: {value: 20, quality: GOOD}}
    expect:
      - {topic: wrong}
    # Behind it.

  - name: fails in all ways
    expect:
      - topic: x
        payload:
          a: 1
    given:
      - {topic: raw/l1/temp/t2, payload: {value: x, quality: GOOD}, at: 1s}
      - {topic: raw/x, payload: 1}
      - {topic: raw/strict, payload: {value: 11}}
      - {topic: raw/split, payload: {points: {"1": "${site}", $b: "yes", "c d": null}}}
      - {topic: raw/split, payload: {points: {e: {$f: "\\u0001\\u007f"}}}}
      - {topic: raw/kept, base64: /w==, retain: true}
  - name: passes
    given: {topic: raw/x, payload: 1}
    nothing: true
  - {name: in braces, given: {topic: raw/x, payload: 1}}
  - name: not yet written
    given:
      - {topic: raw/hook, payload: {value: gone}}
"""


def test_only_what_failed_is_written_and_passes_then(folder: Path, read: Callable[[str], Any]) -> None:
    suite, cases = read(TEXT)
    updated = update([run_case(suite, named) for named in cases])
    path = folder / "tests" / "c.yaml"
    assert updated.lines == [
        f"{path}:26: A case in braces cannot be written anew: write its keys line by line.",
        f"Wrote 3 cases into `{path}`. Review the diff before you keep it.",
    ]
    assert not updated.is_complete
    assert path.read_text(encoding="utf-8") == (
        TEXT.replace(
            "      - {topic: wrong}\n",
            "      - topic: cologne/l1/t1\n        sink: uns\n        payload: {value: 68.0}\n        retain: true\n"
            "      - topic: cologne/l1/t1\n        sink: history\n        payload: {value: 68.0}\n",
        ).replace(
            "      - topic: x\n        payload:\n          a: 1\n",
            "      - topic: split/1\n        at: 1s\n        sink: [uns, history]\n        payload: cologne\n"
            '      - topic: "split/$b"\n        at: 1s\n        sink: [uns, history]\n        payload: "yes"\n'.replace('"yes"', "yes")
            + '      - topic: "split/c d"\n        at: 1s\n        sink: [uns, history]\n        payload: null\n'
            '      - topic: split/e\n        at: 1s\n        sink: [uns, history]\n        payload: {"$$f": "\\u0001\\U0000007F"}\n'
            "      - topic: raw/kept\n        at: 1s\n        sink: uns\n        base64: /w==\n"
            "    quarantine:\n      - {reason: wrong_type, route: temperatures, step: 1, topic: raw/l1/temp/t2}\n"
            "    rejected:\n      - {reason: contract_range, route: strict, topic: raw/strict}\n"
            "    unrouted: [raw/x]\n",
        )
        + "    nothing: true\n"
    )
    again = Suite(folder / "pronubes.yaml")
    assert [run_case(again, named).kind for named in again.read([path])] == ["passed", "passed", "passed", "failed", "passed"]


def test_a_golden_file_is_written_and_compared(folder: Path, read: Callable[[str], Any]) -> None:
    text = """\
        cases:
          - name: all
            given:
              - {topic: raw/l1/temp/t1, payload: {value: 20, quality: GOOD}}
              - {topic: raw/l1/temp/t1, text: "no\\njson", at: 1s}
              - {topic: raw/x, payload: 1}
              - {topic: raw/strict, payload: {value: 11}}
            expect: {golden: all.ndjson}
    """
    suite, (named,) = read(text)
    first = run_case(suite, named)
    assert "is not there" in first.differences[0].sentence
    assert update([first]).is_complete
    assert run_case(suite, named).kind == "passed"
    begin = 1_767_225_600_000_000_000
    path = folder / "tests" / "all.ndjson"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines == [
        f'{{"topic": "cologne/l1/t1", "payload": {{"value":68.0}}, "time_ns": {begin}, "route": "temperatures", "sinks": ["uns", "history"],'
        ' "retain": ["uns"]}',
        f'{{"topic": "raw/l1/temp/t1", "payload_text": "no\\njson", "time_ns": {begin + 10**9}, "fate": "quarantined", "reason": "invalid_json",'
        ' "route": "temperatures"}',
        f'{{"topic": "raw/strict", "payload": {{"value":11}}, "time_ns": {begin + 10**9}, "fate": "rejected", "reason": "contract_range",'
        ' "route": "strict"}',
        f'{{"topic": "raw/x", "payload": 1, "time_ns": {begin + 10**9}, "fate": "unrouted"}}',
    ]
    path.write_text("\n".join([lines[0].replace("68.0", "67.0"), *lines[1:3]]) + "\n", encoding="utf-8")
    (difference,) = run_case(suite, named).differences
    assert [line[:4] for line in difference.sentence.splitlines()[1:]] == ["- 1:", "+ 1:", "+ 4:"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(JSON)
def test_what_is_written_is_read_back(value: Any) -> None:
    from pronubes.config.reader import read_values
    from pronubes.config.variables import substitute

    def filled(found: Any) -> Any:
        if isinstance(found, dict):
            return {key: filled(item) for key, item in found.items()}
        if isinstance(found, list):
            return [filled(item) for item in found]
        return substitute(found, {}) if isinstance(found, str) else found

    if isinstance(value, dict):
        value = {key.replace("$", ""): item for key, item in value.items()}
    values, _ = read_values(f"payload: {_flow(value)}\n")
    assert filled(values["payload"]) == value or "$" in repr(value)
