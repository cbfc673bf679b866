"""What a scenario file may say. Scenarios are data: adding one adds a file and no code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Contestant", "Goal", "Job", "Pace", "Scenario", "load_all"]

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Pace(Strict):
    """How inputs are spaced; `half_of` stands for evenly at half of what the slower of the named peers carries flooded."""

    kind: Literal["flood", "even", "bursts", "none", "half_of"]
    rate: float | None = None
    size: int | None = None
    peers: tuple[str, ...] = ()


class Job(Strict):
    """What the load generator does; times in seconds."""

    qos: Literal[0, 1] = 0
    pace: Pace = Pace(kind="flood")
    window: int = 1000
    max_in_flight: int = 100_000
    warmup_s: float = 1.0
    measure_s: float = 3.0
    ready_s: float = 30.0
    verify_rounds: int = 1


class Contestant(Strict):
    """One peer with what it is given to do; one peer may stand in a scenario several times under different names. Programs get `arguments`."""

    name: str
    peer: str
    workload: dict[str, Any] | None = None  # Any: arguments of a workload's function, which checks them
    arguments: tuple[str, ...] = ()
    source: dict[str, Any] = {}  # Any: more keys for the source in the router's configuration
    sink: dict[str, Any] = {}  # Any: the same for the sink
    route: dict[str, Any] = {}  # Any: the same for every route
    node: dict[str, Any] = {}  # Any: the same for the whole configuration


class Goal(Strict):
    """A number of the project's table, judged on the medians of one run: `metric` of `of`, less or over another's."""

    of: str
    metric: str
    at_most: float | None = None
    at_least: float | None = None
    over: str | None = None
    less: str | None = None


class Scenario(Strict):
    """One question, and who is asked."""

    name: str
    measures: str
    regression: str
    contestants: tuple[Annotated[Contestant, Field()], ...]
    columns: tuple[str, ...]
    goals: tuple[Goal, ...] = ()
    workload: dict[str, Any] = {}  # Any: as above
    job: Job = Job()
    rounds: int = 3
    in_quick: bool = True
    summary: Literal["each", "spread"] = "each"


def load_all(folder: Path = SCENARIOS) -> dict[str, Scenario]:
    """Reads every scenario file, by name; a wrong key is a `pydantic.ValidationError` that names it."""
    return {path.stem: load(path) for path in sorted(folder.glob("*.yaml"))}


def load(path: Path) -> Scenario:
    """Reads one scenario file. A contestant may be the bare name of a peer, or `sets: [first, last]` for generated route sets."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    contestants: list[dict[str, Any]] = []
    for entry in raw["contestants"]:
        if isinstance(entry, str):
            contestants.append({"name": entry, "peer": entry})
        elif "sets" in entry:
            first, last = entry["sets"]
            contestants += [
                {"name": f"set {seed}", "peer": "pronubes", "workload": {"kind": "routeset", "seed": seed}} for seed in range(first, last + 1)
            ]
        else:
            contestants.append(entry)
    return Scenario.model_validate({**raw, "name": path.stem, "contestants": contestants})
