"""All cases of a configuration: found, read, run, each with a verdict."""

from __future__ import annotations

import glob
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pronubes.cases.bind import refuse_strangers
from pronubes.cases.happening import happen
from pronubes.cases.judge import judge
from pronubes.cases.read import configuration_of, read_cases
from pronubes.config.compile import Compiled, compile_router, refuse_errors
from pronubes.config.load import load, without_garbage_collection
from pronubes.errors import ConfigurationError, PronubesError

if TYPE_CHECKING:
    from pronubes.cases.happening import Happening
    from pronubes.cases.judge import Difference
    from pronubes.cases.read import NamedCase
    from pronubes.config.variables import Value
    from pronubes.diagnostics import Diagnostic

__all__ = ["Suite", "Verdict", "VerdictKind", "find_files", "run_case"]

FOLDER = "tests"
"""Where cases stand, beside the configuration, when nobody says otherwise."""


class VerdictKind(StrEnum):
    """What a case came to."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    BROKEN = "broken"
    """It could not run: a hook or a recording is not there."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case and what it came to.

    Attributes:
        named: The case.
        kind: What it came to.
        differences: What was not as expected.
        problem: Why it could not run, or why it is skipped.
        seconds: How long it took.
        happening: What happened, where it ran.
    """

    named: NamedCase
    kind: VerdictKind
    differences: Sequence[Difference] = ()
    problem: str = ""
    seconds: float = 0.0
    happening: Happening | None = field(default=None, repr=False)


def find_files(config: Path, wanted: Sequence[str]) -> tuple[list[Path], int]:
    """Find the files of cases for a configuration.

    Args:
        config: The configuration.
        wanted: Files, folders and patterns; none: the folder `tests` beside the configuration.

    Returns:
        The files, in order, and how many others there are that name another configuration.
    """
    places = wanted or [str(config.parent / FOLDER)]
    found: dict[Path, None] = {}
    for place in places:
        path = Path(place)
        if path.is_dir():
            found |= dict.fromkeys(sorted([*path.glob("*.yaml"), *path.glob("*.yml")]))
        elif path.exists():
            found[path] = None
        else:
            found |= dict.fromkeys(Path(name) for name in sorted(glob.glob(place, recursive=True)) if Path(name).is_file())  # noqa: PTH207  as the user wrote it
    own = config.resolve()
    meant = [path for path in found if (other := configuration_of(path)) is None or other == own]
    return meant, len(found) - len(meant)


class Suite:
    """The cases of a configuration.

    Args:
        config: The configuration file, as the user named it.
    """

    def __init__(self, config: str | Path) -> None:
        """Read the configuration.

        Raises:
            ConfigurationError: It has errors; all of them.
        """
        self.config = str(config)
        self._compiled: dict[tuple[tuple[str, Value], ...], Compiled] = {}
        self.variables: Mapping[str, Value] = self.compiled({}).loaded.configuration.vars

    def compiled(self, overrides: Mapping[str, Value]) -> Compiled:
        """Compile the configuration with other values of variables.

        Raises:
            ConfigurationError: It has errors; all of them.
        """
        key = tuple(sorted(overrides.items(), key=lambda one: one[0]))
        if key not in self._compiled:
            with without_garbage_collection():
                compiled = compile_router(load(self.config, variables=overrides))
                refuse_errors(compiled)
            self._compiled[key] = compiled
        return self._compiled[key]

    def read(self, files: Iterable[Path]) -> list[NamedCase]:
        """Read files of cases.

        Raises:
            ConfigurationError: Files have errors, or name what the configuration has not; all findings.
        """
        cases: list[NamedCase] = []
        found: list[Diagnostic] = []
        for path in files:
            try:
                read = read_cases(path, self.variables)
            except ConfigurationError as error:
                found += error.diagnostics
                continue
            for named in read.cases:
                try:
                    refuse_strangers(named, self.compiled({}).loaded)
                except ConfigurationError as error:
                    found += error.diagnostics
            cases += read.cases
        if found:
            raise ConfigurationError(found)
        return cases

    def run(
        self, cases: Iterable[NamedCase], *, each: Callable[[Verdict], None], stop_at: int | None = None, is_covered: bool = False
    ) -> list[Verdict]:
        """Run cases.

        Args:
            cases: The cases.
            each: Called with every verdict as it comes.
            stop_at: End after so many that did not pass.
            is_covered: Whether to note what of the routes is run.
        """
        verdicts = []
        bad = 0
        for named in cases:
            verdict = run_case(self, named, is_covered=is_covered)
            verdicts.append(verdict)
            each(verdict)
            bad += verdict.kind in (VerdictKind.FAILED, VerdictKind.BROKEN)
            if stop_at is not None and bad >= stop_at:
                break
        return verdicts


def run_case(suite: Suite, named: NamedCase, *, is_covered: bool = False) -> Verdict:
    """Run one case and judge it."""
    if named.case.skip is not None:
        return Verdict(named, VerdictKind.SKIPPED, problem=named.case.skip)
    begin = time.perf_counter()
    try:
        happening = happen(named, suite.compiled(named.overrides), is_covered=is_covered)
        found = judge(named, happening)
    except PronubesError as error:
        return Verdict(named, VerdictKind.BROKEN, problem=str(error), seconds=time.perf_counter() - begin)
    kind = VerdictKind.FAILED if found else VerdictKind.PASSED
    return Verdict(named, kind, found, seconds=time.perf_counter() - begin, happening=happening)
