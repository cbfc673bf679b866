"""The pytest plugin: collects files of cases, so that they run with the tests of hooks.

It takes files that are named `*.pronubes-test.yaml`, and those that the ini option `pronubes_cases` names. Where there is none, it does nothing:
it imports pytest only, and everything else with the first file that it collects.
"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pronubes.cases.read import NamedCase
    from pronubes.cases.suite import Suite, Verdict

__all__ = ["CaseItem", "CasesFile", "pytest_addoption", "pytest_collect_file"]

PATTERNS = ("*.pronubes-test.yaml", "*.pronubes-test.yml")
CONFIG = "pronubes.yaml"

_SUITES = pytest.StashKey[dict[Path, "Suite"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option."""
    text = "Files of cases of pronubes, besides `*.pronubes-test.yaml`: patterns of paths from the root folder on."
    parser.addini("pronubes_cases", text, type="linelist", default=[])


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CasesFile | None:
    """Collect a file of cases."""
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    if not any(fnmatch(file_path.name, pattern) for pattern in PATTERNS) and not _is_named(file_path, parent.config):
        return None
    found: CasesFile = CasesFile.from_parent(parent, path=file_path)
    return found


def _is_named(path: Path, config: pytest.Config) -> bool:
    patterns: Iterable[str] = config.getini("pronubes_cases")
    return path.is_relative_to(config.rootpath) and any(fnmatch(path.relative_to(config.rootpath).as_posix(), pattern) for pattern in patterns)


class CasesFile(pytest.File):
    """A file of cases."""

    def collect(self) -> Iterator[CaseItem]:
        """Read the file and its configuration."""
        from pronubes.errors import ConfigurationError

        config = _configuration(self.path, self.config.rootpath)
        if config is None:
            raise self.CollectError(f"No `{CONFIG}` in the folder of `{self.path}` or above it. Name the configuration in the file: `config: PATH`.")
        try:
            suite = _suite(self.session, config)
            cases = suite.read([self.path])
        except ConfigurationError as error:
            raise self.CollectError(str(error)) from error
        for named in cases:
            item: CaseItem = CaseItem.from_parent(self, name=named.name, suite=suite, named=named)
            yield item


def _configuration(path: Path, root: Path) -> Path | None:
    from pronubes.cases.read import configuration_of

    named = configuration_of(path)
    if named is not None:
        return named
    for folder in path.parents:
        if (folder / CONFIG).exists():
            return folder / CONFIG
        if folder == root:
            break
    return None


def _suite(session: pytest.Session, config: Path) -> Suite:
    from pronubes.cases.suite import Suite

    suites = session.stash.setdefault(_SUITES, {})
    if config not in suites:
        suites[config] = Suite(_shown(config))
    return suites[config]


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


class _NotPassed(Exception):
    """A case did not pass."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(verdict.named.name)


class CaseItem(pytest.Item):
    """A case."""

    def __init__(self, *, suite: Suite, named: NamedCase, **rest: Any) -> None:  # Any: pytest's own arguments
        super().__init__(**rest)
        self._suite = suite
        self._named = named
        if named.case.skip is not None:
            self.add_marker(pytest.mark.skip(reason=named.case.skip))

    def runtest(self) -> None:
        """Run the case."""
        from pronubes.cases.suite import VerdictKind, run_case

        verdict = run_case(self._suite, self._named)
        if verdict.kind in (VerdictKind.FAILED, VerdictKind.BROKEN):
            raise _NotPassed(verdict)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # Any: pytest's own types
        """Say what was not as expected."""
        if not isinstance(excinfo.value, _NotPassed):
            return super().repr_failure(excinfo, style)
        from pronubes.cases.report import failure_lines

        lines = failure_lines(excinfo.value.verdict, config=self._suite.config)
        return "\n".join([f"{_shown(self.path)}:{self._named.line}", *(f"  {line}" for line in lines)])

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say where the case stands."""
        return self.path, self._named.line - 1, self.name
