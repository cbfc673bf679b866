"""What differs between two meanings, and whom it breaks.

There are two sides. A change breaks *readers* when a payload may now arrive that could not before; it breaks *senders* when a payload that was
right is now a violation. Either makes it a major change: it needs a new version. What breaks nobody is minor. Three things count as minor although
a payload can be made up that says otherwise: a new optional field, extra fields that are now welcome, and a stricter mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from pronubes.contracts.meaning import Meaning

__all__ = ["Change", "changes", "sentence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference.

    Attributes:
        field: The field's path; empty for the contract as a whole and for a bare value.
        rule: What of it: `type`, `unit`, `range`, ...; `field` for the field as a whole.
        before: What it was; None when there was nothing.
        after: What it is; None when there is nothing.
        breaks_readers: Whether payloads may now arrive that could not before.
        breaks_senders: Whether payloads that were right are now violations.
        text: The change as a sentence without its subject: `was [0, 10], is [0, 20]`.
    """

    field: str
    rule: str
    before: Any = None  # Any: a JSON value
    after: Any = None  # Any: a JSON value
    breaks_readers: bool = False
    breaks_senders: bool = False
    text: str = ""

    @property
    def is_major(self) -> bool:
        """Whether it needs a new version."""
        return self.breaks_readers or self.breaks_senders

    @property
    def breaks(self) -> str:
        """Whom it breaks, in words."""
        sides = [side for side, is_broken in (("readers", self.breaks_readers), ("senders", self.breaks_senders)) if is_broken]
        return " and ".join(sides)


Side = tuple[bool, bool]


def changes(old: Meaning, new: Meaning) -> list[Change]:
    """List what differs, fields first."""
    return [*_payload(old, new), *_whole(old, new)]


def sentence(change: Change) -> str:
    """Write a change with its subject: `the range of `value` was [0, 10], is [0, 20]`."""
    if change.rule == "field":
        return f"`{change.field}` {change.text}"
    subject = f"`{change.rule}` of `{change.field}`" if change.field else f"`{change.rule}`"
    return f"{subject} {change.text}"


def _payload(old: Meaning, new: Meaning) -> Iterator[Change]:
    if ("scalar" in old) != ("scalar" in new):
        text = "was an object, is a bare value" if "scalar" in new else "was a bare value, is an object"
        yield Change(field="", rule="payload", text=text, breaks_readers=True, breaks_senders=True)
        return
    if "scalar" in old:
        yield from _field("", old["scalar"], new["scalar"])
        return
    before, after = old["payload"], new["payload"]
    for path in before:
        if path in after:
            yield from _field(path, before[path], after[path])
        else:
            is_refused = new["extra"] == "refuse"
            yield Change(field=path, rule="field", before=before[path], text="is gone", breaks_readers=True, breaks_senders=is_refused)
    for path in after:
        if path not in before:
            is_optional = bool(after[path].get("optional"))
            text = f"is new and {'optional' if is_optional else 'required'}"
            yield Change(field=path, rule="field", after=after[path], text=text, breaks_senders=not is_optional)


def _field(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for rule, judge in _FIELD_RULES.items():
        before, after = old.get(rule), new.get(rule)
        if before != after or type(before) is not type(after):
            readers, senders = judge(before, after)
            yield Change(
                field=path, rule=rule, before=before, after=after, breaks_readers=readers, breaks_senders=senders, text=_was_is(before, after)
            )


def _whole(old: Meaning, new: Meaning) -> Iterator[Change]:
    yield from _quality(old.get("quality"), new.get("quality"))
    for rule, judge in _WHOLE_RULES.items():
        before, after = old.get(rule), new.get(rule)
        if before != after:
            readers, senders = judge(before, after)
            yield Change(field="", rule=rule, before=before, after=after, breaks_readers=readers, breaks_senders=senders, text=_was_is(before, after))


def _quality(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[Change]:
    if old is None or new is None:
        if old is not new:
            readers, senders = old is not None, new is not None
            text = "is gone" if new is None else "is new"
            yield Change(field="", rule="quality", before=old, after=new, breaks_readers=readers, breaks_senders=senders, text=text)
        return
    if old["field"] != new["field"]:
        text = _was_is(old["field"], new["field"])
        yield Change(field="", rule="quality.field", before=old["field"], after=new["field"], breaks_readers=True, breaks_senders=True, text=text)
    known = {side: _keys([code for group in ("good", "uncertain", "bad") for code in words[group]]) for side, words in (("old", old), ("new", new))}
    for group in ("good", "uncertain", "bad"):
        before, after = _keys(old[group]), _keys(new[group])
        added, gone = after - before, before - after
        if added or gone:
            moved = bool(added & known["old"]) or bool(gone & known["new"])
            yield Change(
                field="",
                rule=f"quality.{group}",
                before=old[group],
                after=new[group],
                breaks_readers=bool(added) or moved,
                breaks_senders=bool(gone) or moved,
                text=_listed(added, gone),
            )


def _keys(values: Sequence[Any]) -> set[str]:
    return {orjson.dumps(value).decode() for value in values}


def _listed(added: set[str], gone: set[str]) -> str:
    parts = [f"{'adds' if is_added else 'loses'} {', '.join(sorted(words))}" for words, is_added in ((added, True), (gone, False)) if words]
    return " and ".join(parts)


def _was_is(before: Any, after: Any) -> str:
    if before is None:
        return f"is new: {_text(after)}"
    if after is None:
        return f"is gone, was {_text(before)}"
    return f"was {_text(before)}, is {_text(after)}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


# One judge per rule: what was, what is (None: nothing) -> breaks readers, breaks senders.

_WIDER = {("integer", "number"), *((kind, "any") for kind in ("number", "integer", "boolean", "string", "object", "array"))}


def _type(before: str, after: str) -> Side:
    if (before, after) in _WIDER:
        return True, False
    if (after, before) in _WIDER:
        return False, True
    return True, True


def _both(_before: Any, _after: Any) -> Side:
    return True, True


def _unit(before: str | None, after: str | None) -> Side:
    """A unit that is named for the first time breaks nobody: it says what was meant."""
    return before is not None, before is not None and after is not None


def _bounds(before: Sequence[Any] | None, after: Sequence[Any] | None) -> Side:
    low, high = zip(before or (None, None), after or (None, None), strict=True)
    wider = _is_below(low[1], low[0]) or _is_above(high[1], high[0])
    narrower = _is_below(low[0], low[1]) or _is_above(high[0], high[1])
    return wider, narrower


def _is_below(left: float | None, right: float | None) -> bool:
    return right is not None and (left is None or left < right)


def _is_above(left: float | None, right: float | None) -> bool:
    return right is not None and (left is None or left > right)


def _enum(before: Sequence[Any] | None, after: Sequence[Any] | None) -> Side:
    if before is None or after is None:
        return after is None, before is None
    old, new = _keys(before), _keys(after)
    return bool(new - old), bool(old - new)


def _pattern(before: str | None, after: str | None) -> Side:
    return before is not None, after is not None


def _limit(before: float | None, after: float | None) -> Side:
    return _is_above(after, before), _is_above(before, after)


def _null(before: str | None, after: str | None) -> Side:
    if before is None:
        return True, after == "when_bad"
    if after is None:
        return before == "when_bad", True
    return (True, False) if after == "allowed" else (False, True)


def _optional(before: bool | None, _after: bool | None) -> Side:  # noqa: FBT001  the sides of a rule
    return not before, bool(before)


def _extra(_before: str, after: str) -> Side:
    return False, after == "refuse"


def _mode(before: str, after: str) -> Side:
    """What violates the contract reaches readers in two of the modes."""
    lenient = ("observe", "annotate")
    return before not in lenient and after in lenient, False


def _retain(before: Any, _after: Any) -> Side:
    return before is True, False


def _nobody(_before: Any, _after: Any) -> Side:
    return False, False


_FIELD_RULES: Mapping[str, Callable[[Any, Any], Side]] = {
    "type": _type,
    "unit": _unit,
    "range": _bounds,
    "length": _bounds,
    "enum": _enum,
    "pattern": _pattern,
    "time": _both,
    "not_after": _limit,
    "not_before": _limit,
    "null": _null,
    "optional": _optional,
}
_WHOLE_RULES: Mapping[str, Callable[[Any, Any], Side]] = {
    "extra": _extra,
    "mode": _mode,
    "annotate": _nobody,
    "retain": _retain,
    "expiry": _nobody,
}
