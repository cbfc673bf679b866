"""What is learned from messages accepts them: the draft is read as any contract is, and judged by the engine."""

import math

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pronubes.cli import main
from pronubes.cli.exit_codes import ExitCode
from pronubes.contracts.draft import draft_text
from pronubes.contracts.engine import checker
from pronubes.contracts.folder import read_contract
from pronubes.contracts.infer import Learner

NOW_NS = 1_732_270_000 * 10**9

names = st.sampled_from(["value", "unit", "quality", "timestamp_ms", "ts", "a", "motor", "a.b", "x y", "", "é", "true", '"'])
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(NOW_NS // 10**6 - 10**6, NOW_NS // 10**6 + 10**6)
words = st.sampled_from(["GOOD", "BAD", "Cel", "bar", "2024-11-22T10:06:40Z", "RUN", ""]) | st.text(max_size=5)
values = st.recursive(
    st.none() | st.booleans() | numbers | times | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
objects = st.dictionaries(names, values, max_size=5)


def accepts(tmp_path, payloads: list[bytes]) -> list[object]:
    learner = Learner()
    for payload in payloads:
        learner.observe(payload, NOW_NS)
    assume(learner.is_contract)
    folder = tmp_path / "learned"
    folder.mkdir(exist_ok=True)
    path = folder / "1.yaml"
    path.write_text(draft_text("learned", 1, learner, learned_from="a test"), encoding="utf-8")
    contract = checker(read_contract(str(path)))
    return [verdict for payload in payloads for verdict in contract.judge(payload, received_ns=NOW_NS)]


@settings(max_examples=400, deadline=None)
@given(st.lists(objects, min_size=1, max_size=40))
def test_objects(tmp_path_factory, payloads):
    assert accepts(tmp_path_factory.getbasetemp(), [orjson.dumps(payload) for payload in payloads]) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.booleans() | numbers | words, min_size=1, max_size=10))
def test_bare_values(tmp_path_factory, payloads):
    assert accepts(tmp_path_factory.getbasetemp(), [orjson.dumps(payload) for payload in payloads]) == []


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "monday.ndjson"
    lines = [
        {"topic": f"a/t{number % 3}", "payload": {"value": round(50 + 30 * math.sin(number), 2), "unit": "Cel", "quality": "GOOD"}, "time_ns": NOW_NS}
        for number in range(200)
    ]
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    return path


def test_a_written_draft_judges_its_recording_and_the_next_draft_is_the_next_version(recording, tmp_path, capsys):
    folder = tmp_path / "contracts"
    learn = ["contract", "infer", "temperature", "--recording", str(recording), "--folder", str(folder), "--write"]
    assert [main(learn), main(learn)] == [ExitCode.OK, ExitCode.OK]
    assert sorted(path.name for path in (folder / "temperature").iterdir()) == ["1.yaml", "2.yaml"]
    capsys.readouterr()
    judge = ["contract", "check", "temperature@1", "--recording", str(recording), "--folder", str(folder), "--json"]
    assert main(judge) == ExitCode.OK
    assert orjson.loads(capsys.readouterr().out) == {
        "contract": "temperature@1",
        "judged": 200,
        "violated": 0,
        "rules": [],
        "offenders": [],
    }


def test_what_breaks_a_contract_is_counted_by_rule_and_shown(recording, tmp_path, capsys):
    folder = tmp_path / "contracts"
    main(["contract", "infer", "temperature", "--recording", str(recording), "--folder", str(folder), "--write"])
    bad = tmp_path / "tuesday.ndjson"
    bad.write_bytes(
        recording.read_bytes() + b'\n{"topic":"a/t9","payload":{"value":900,"unit":"Cel","quality":"GOOD"}}\n{"topic":"a/t9","payload":[]}'
    )
    capsys.readouterr()
    assert main(["contract", "check", "temperature@1", "--recording", str(bad), "--folder", str(folder), "--json"]) == ExitCode.FAILED
    found = orjson.loads(capsys.readouterr().out)
    assert (found["judged"], found["violated"]) == (202, 2)
    assert {rule["rule"] for rule in found["rules"]} == {"contract_range", "contract_not_object"}
    assert main(["contract", "check", "temperature@1", "--recording", str(bad), "--folder", str(folder)]) == ExitCode.FAILED
    assert "a/t9" in capsys.readouterr().out


def test_nothing_to_learn_is_a_failure(tmp_path, capsys):
    for name, text in (("empty", ""), ("arrays", '{"topic":"a","payload":[1]}'), ("mixed", '{"topic":"a","payload":1}\n{"topic":"a","payload":{}}')):
        path = tmp_path / f"{name}.ndjson"
        path.write_text(text)
        assert main(["contract", "infer", "x", "--recording", str(path)]) == ExitCode.FAILED
    error = capsys.readouterr().err
    assert "No message came" in error
    assert "nothing to learn" in error
    assert "no contract fits both" in error
