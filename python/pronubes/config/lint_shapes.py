"""Shapes that say less than is known: what gets lost between one shape and the next."""

from __future__ import annotations

from collections.abc import Iterator

from pronubes.config.findings import Finding
from pronubes.config.model import Configuration
from pronubes.connectors.options import TagSourceOptions
from pronubes.connectors.shapes import FieldsShape
from pronubes.diagnostics import Severity

__all__ = ["shape_rules"]

Found = Iterator[tuple[Severity, Finding]]
# How the shapes that have names write qualities and times (`record/shape.rs`; a test compares).
_FORMS: dict[str, tuple[str | None, str | None]] = {
    "value": (None, None),
    "reading": ("words", "unix_ms"),
    "record": ("name", "iso8601"),
    "umh": (None, "unix_ms"),
    "i3x": ("i3x", "iso8601"),
    "opcua": ("status", "iso8601"),
}
# How much of a status a form says, and how fine a time is, in nanoseconds.
_SAYS = {"name": 3, "status": 3, "classic": 2, "i3x": 1, "words": 1, "sparkplug": 1}
_GRAIN = {"iso8601": 1, "unix_ns": 1, "unix_us": 1_000, "unix_ms": 1_000_000, "unix_s": 1_000_000_000}


def shape_rules(configuration: Configuration) -> Found:
    """Sources whose shape cannot say that a value is bad, and steps that make a quality or a time coarser."""
    for name, source in configuration.sources.items():
        if isinstance(source.options, TagSourceOptions) and _forms(source.options.shape)[0] is None:
            message = "This shape cannot say that a value is bad: what the device does not answer goes to the quarantine."
            finding = Finding(code="shape_without_quality", path=("sources", name, "shape"), message=message, hint="Take a shape with a quality.")
            yield Severity.WARNING, finding
    for name, route in configuration.routes.items():
        for index, step in enumerate(route.steps):
            if step.shape is not None:
                lost = _lost(_forms(step.shape.from_), _forms(step.shape.to))
                if lost:
                    message = f"The new shape says less: {' and '.join(lost)}."
                    yield Severity.NOTE, Finding(code="shape_narrows", path=("routes", name, "steps", index, "shape", "to"), message=message)


def _forms(shape: FieldsShape | str) -> tuple[str | None, str | None]:
    if isinstance(shape, str):
        return _FORMS[shape]
    return shape.quality.as_ if shape.quality else None, shape.time.as_ if shape.time else None


def _lost(before: tuple[str | None, str | None], after: tuple[str | None, str | None]) -> list[str]:
    """List what a shape still has and says more coarsely; what it has no place for is an error or wanted (`without`)."""
    (quality, time), (new_quality, new_time) = before, after
    lost = []
    if quality and new_quality and _SAYS[quality] > _SAYS[new_quality]:
        lost.append(f"of a status as `{quality}` what `{new_quality}` has")
    if time and new_time and _GRAIN[time] < _GRAIN[new_time]:
        lost.append(f"of a time as `{time}` what `{new_time}` has")
    return lost
