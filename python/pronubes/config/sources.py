"""Which source a topic comes from, for commands that are given a topic only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pronubes.config.load import Loaded

__all__ = ["source_for"]


def source_for(loaded: Loaded, topic: str) -> str:
    """Choose the source that a topic most likely comes from; empty when the configuration has none."""
    from pronubes import TopicError, topic_matches

    sources = loaded.configuration.sources
    for name, source in sources.items():
        try:
            if any(topic_matches(filter_, topic) for filter_ in source.options.filters() or ()):
                return name
        except TopicError:
            break
    return next((name for name, source in sources.items() if source.options.filters() is None), next(iter(sources), ""))
