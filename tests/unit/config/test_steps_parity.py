"""The steps of the configuration and of the engine are the same: verbs, arguments, examples."""

from pathlib import Path

import orjson
import pytest

from pronubes import Router, _core, transforms
from pronubes.transforms import VERBS, Step

DOCS = {doc["verb"]: doc for doc in orjson.loads(_core.steps())}

BEGIN_S = 1_732_270_000
"""When the examples begin."""


def test_the_verbs_are_the_same_in_the_same_order() -> None:
    assert list(DOCS) == list(VERBS)


@pytest.mark.parametrize("verb", [verb for verb in DOCS if verb != "python"])
def test_the_arguments_are_the_same(verb: str) -> None:
    arguments = {argument["name"] for argument in DOCS[verb]["arguments"]} - {""}
    model = getattr(transforms, "".join(part.capitalize() for part in verb.split("_")), None)
    assert arguments == ({field.alias or name for name, field in model.model_fields.items()} if model else set())


@pytest.mark.parametrize("verb", [verb for verb in DOCS if verb != "python"])
def test_the_example_of_the_engine_is_right_here(verb: str, tmp_path: Path) -> None:
    (tmp_path / "assets.csv").write_text("tag,area,max_limit\nP-101,filling,80.5\n", encoding="utf-8")
    example = DOCS[verb]["example"]
    step = orjson.loads(example["step"])
    Step.model_validate(step)
    router = Router.from_dict(
        {
            "version": 1,
            "name": "example",
            "sources": {"a": {"type": "ndjson", "path": "-"}},
            "sinks": {"s": {"type": "stdout"}},
            "tables": {"assets": {"path": "assets.csv", "key": "tag", "types": {"max_limit": "number"}}},
            "routes": {"r": {"filter": "t", "steps": [step], "to": "s"}},
        },
        base_dir=tmp_path,
    )
    outcomes = []
    for second, payload in enumerate(example["input"].split("\n")):  # several lines are several messages, a second apart
        outcomes += router.route("a", [("t", payload.encode())], now_ns=(BEGIN_S + second) * 10**9)
    outcomes += router.advance(now_ns=(BEGIN_S + 3600) * 10**9)
    assert "\n".join(outcome.payload.decode() for outcome in outcomes if outcome.kind == "emitted") == example["output"]
