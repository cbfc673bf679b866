"""pronubes: a Rust-accelerated stream router for plants.

    import pronubes

    router = pronubes.Router.from_file("pronubes.yaml")
    for outcome in router.route("shopfloor", [("raw/a/l1/p1/temp/t1", b'{"value": 20.5}')], now_ns=0):
        print(outcome)

Names are loaded when they are first used: `import pronubes` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pronubes._core import BUILD as BUILD
    from pronubes._core import Outcome as Outcome
    from pronubes._core import TopicError as TopicError
    from pronubes._core import __version__ as __version__
    from pronubes._core import topic_matches as topic_matches
    from pronubes._core import validate_filter as validate_filter
    from pronubes._core import validate_topic as validate_topic
    from pronubes.batch import Batch as Batch
    from pronubes.errors import ConfigurationError as ConfigurationError
    from pronubes.errors import PronubesError as PronubesError
    from pronubes.hooks import transform as transform
    from pronubes.message import Message as Message
    from pronubes.pipeline.embed import run as run
    from pronubes.router import Router as Router

_HOMES = {
    "BUILD": "pronubes._core",
    "Batch": "pronubes.batch",
    "ConfigurationError": "pronubes.errors",
    "Message": "pronubes.message",
    "Outcome": "pronubes._core",
    "PronubesError": "pronubes.errors",
    "Router": "pronubes.router",
    "TopicError": "pronubes._core",
    "__version__": "pronubes._core",
    "run": "pronubes.pipeline.embed",
    "topic_matches": "pronubes._core",
    "transform": "pronubes.hooks",
    "validate_filter": "pronubes._core",
    "validate_topic": "pronubes._core",
}

__all__ = [
    "BUILD",
    "Batch",
    "ConfigurationError",
    "Message",
    "Outcome",
    "PronubesError",
    "Router",
    "TopicError",
    "__version__",
    "run",
    "topic_matches",
    "transform",
    "validate_filter",
    "validate_topic",
]


def __getattr__(name: str) -> Any:  # Any: whatever the name stands for
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `pronubes` has no attribute `{name}`")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
