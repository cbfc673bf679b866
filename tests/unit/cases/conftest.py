"""A configuration and cases in a folder."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from pronubes.cases.read import NamedCase
from pronubes.cases.suite import Suite, Verdict, run_case

CONFIG = """\
version: 1
name: n
vars: {site: cologne}
contracts: contracts
sources:
  plant: {type: mqtt, url: "mqtt://127.0.0.1", topics: [raw/#], username: "${env:NOT_SET}", password: "${env:NOT_SET}"}
  made: {type: generator}
sinks:
  uns: {type: mqtt, url: "mqtt://127.0.0.1", qos: 1}
  history: {type: sqlite, path: history.db}
routes:
  temperatures:
    from: plant
    filter: raw/{line}/temp/{tag}
    where: payload.quality == "GOOD"
    steps:
      - scale: {field: value, factor: 1.8, offset: 32}
      - drop: [quality]
    topic: ${site}/{line}/{tag}
    to: [{sink: uns, retain: true}, history]
  split:
    filter: raw/split
    steps: [{explode: {field: points}}]
    topic: split/{key}
    to: [uns, history]
  broker:
    filter: raw/kept
    where: meta.retain || meta.qos == 2
    to: uns
  hooked:
    filter: raw/hook
    steps:
      - python: {call: "case_hooks:label", timeout: 200ms}
      - set: {behind: true}
    to: history
  slow: {filter: "raw/slow/{tag}", steps: [{throttle: {every: 10s}}], topic: "slow/{tag}", to: uns}
  strict: {filter: raw/strict, contract: value@1, to: history}
"""
HOOKS = """\
import time
import orjson
import pronubes

@pronubes.transform
def label(message: pronubes.Message) -> dict | None:
    payload = orjson.loads(message.payload)
    if payload["value"] == "slow":
        time.sleep(5)
    if payload["value"] == "gone":
        return None
    return {"twice": payload["value"] * 2}
"""
CONTRACT = """\
contract: value
version: 1
owner: team
payload: {value: {type: number, range: [0, 10]}}
mode: reject
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pronubes.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "case_hooks.py").write_text(HOOKS, encoding="utf-8")
    contracts = tmp_path / "contracts" / "value"
    contracts.mkdir(parents=True)
    (contracts / "1.yaml").write_text(CONTRACT, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    return tmp_path


@pytest.fixture
def read(folder: Path) -> Callable[[str], tuple[Suite, list[NamedCase]]]:
    def write_and_read(text: str) -> tuple[Suite, list[NamedCase]]:
        path = folder / "tests" / "c.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        suite = Suite(folder / "pronubes.yaml")
        return suite, suite.read([path])

    return write_and_read


@pytest.fixture
def judged(read: Callable[[str], tuple[Suite, list[NamedCase]]]) -> Callable[[str], Verdict]:
    """Run one case, given without `- name`."""

    def run(case: str) -> Verdict:
        lines = dedent(case).strip().splitlines()
        suite, (named,) = read("cases:\n  - name: it\n" + "\n".join(f"    {line}" for line in lines) + "\n")
        return run_case(suite, named)

    return run
