"""Two states of a folder of contracts: what was changed without a new version, what came and what went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pronubes.contracts.compare import Change, changes
from pronubes.contracts.meaning import Meaning

__all__ = ["Revision", "Version", "compare_all"]


@dataclass(frozen=True, slots=True)
class Version:
    """A version in one of the two states.

    Attributes:
        meaning: What it means.
        is_draft: Whether it may still change.
    """

    meaning: Meaning
    is_draft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One version that differs, or that only one state has.

    Attributes:
        id: The version.
        kind: `changed` in place, `new`, or `gone`.
        since: For a new version, the newest older one of the same name, which it is compared with.
        changes: What differs.
        is_broken: Whether something breaks that a new version would not break.
    """

    id: str
    kind: str
    since: str | None = None
    changes: tuple[Change, ...] = ()
    is_broken: bool = False

    @property
    def is_major(self) -> bool:
        """Whether a change needs a new version."""
        return any(change.is_major for change in self.changes)


def compare_all(old: Mapping[str, Version], new: Mapping[str, Version]) -> list[Revision]:
    """Compare all versions of two states.

    A draft may change and go. Any other version that changed so that somebody breaks, or that is gone, is broken.
    """
    found = []
    for id_, before in old.items():
        after = new.get(id_)
        if after is None:
            found.append(Revision(id=id_, kind="gone", is_broken=not before.is_draft))
        elif before.meaning != after.meaning:
            different = tuple(changes(before.meaning, after.meaning))
            is_broken = not before.is_draft and any(change.is_major for change in different)
            found.append(Revision(id=id_, kind="changed", changes=different, is_broken=is_broken))
    for id_, added in new.items():
        if id_ not in old:
            since = _newest_before(id_, old)
            different = tuple(changes(old[since].meaning, added.meaning)) if since else ()
            found.append(Revision(id=id_, kind="new", since=since, changes=different))
    return sorted(found, key=lambda revision: _by_version(revision.id))


def _newest_before(id_: str, among: Mapping[str, Version]) -> str | None:
    name, version = _by_version(id_)
    older = [_by_version(other) for other in among]
    versions = [number for other, number in older if other == name and number < version]
    return f"{name}@{max(versions)}" if versions else None


def _by_version(id_: str) -> tuple[str, int]:
    name, _, version = id_.rpartition("@")
    return name, int(version)
