"""`pronubes test`: runs the cases of a configuration, without any connection and with a clock of its own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json

if TYPE_CHECKING:
    from pronubes.cases.coverage import Coverage
    from pronubes.cases.read import NamedCase
    from pronubes.cases.suite import Suite, Verdict

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes test                        the cases in tests/*.yaml beside pronubes.yaml
  pronubes test -k "scaled and not hot"
  pronubes test --update               write what comes as what is expected; then read the diff

What a file of cases may hold: docs/reference/cases.md.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_config_argument(parser, is_positional=True)
    parser.add_argument(
        "--cases", metavar="PATH", nargs="+", default=[], help="Files, folders or patterns (default: tests/ beside the configuration)."
    )
    parser.add_argument(
        "-k", dest="select", metavar="EXPRESSION", help="Only cases whose file or name holds this; with `and`, `or`, `not` and brackets."
    )
    parser.add_argument("-x", "--exitfirst", action="store_true", help="End with the first case that fails.")
    parser.add_argument("-v", "--verbose", action="store_true", help="Name every case.")
    parser.add_argument("--coverage", action="store_true", help="Also say which filters, conditions, steps and targets no case has run.")
    parser.add_argument("--fail-under", type=float, metavar="PERCENT", help="End with code 1 when less than this was run (implies --coverage).")
    parser.add_argument("--update", action="store_true", help="Write what came into the files of cases that fail, for review.")
    parser.add_argument("--watch", action="store_true", help="Run again whenever a file changes, until Ctrl-C.")
    parser.add_argument("--junit", metavar="FILE", help="Also write the results as JUnit XML.")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the cases."""
    if arguments.watch:
        from pronubes.cli.test_watch import watch

        return watch(arguments.config, arguments.cases)
    from pronubes.cases.select import SelectionProblem, selected
    from pronubes.cases.suite import Suite, find_files

    files, others = find_files(Path(arguments.config), arguments.cases)
    suite = Suite(arguments.config)
    cases = suite.read(files)
    try:
        chosen = selected(cases, arguments.select)
    except SelectionProblem as problem:
        sys.stderr.write(f"pronubes test: {problem}\n")
        return ExitCode.USAGE
    if not chosen:
        sys.stderr.write(_none(arguments, cases, others))
        return ExitCode.USAGE
    return _report(arguments, suite, chosen)


def _none(arguments: argparse.Namespace, cases: Sequence[NamedCase], others: int) -> str:
    if cases:
        return f"None of the {len(cases)} cases fits `-k {arguments.select}`.\n"
    where = ", ".join(f"`{one}`" for one in arguments.cases) or f"`{Path(arguments.config).parent / 'tests'}`"
    more = f" {others} files there name another configuration." if others else ""
    return f"There are no cases for `{arguments.config}` in {where}.{more} docs/how-to/test-configurations.md shows how to write one.\n"


def _report(arguments: argparse.Namespace, suite: Suite, cases: Sequence[NamedCase]) -> int:
    from pronubes.cases.report import Printer, document
    from pronubes.cases.suite import VerdictKind

    printer = Printer(sys.stdout, config=arguments.config, is_verbose=arguments.verbose)
    each = (lambda _verdict: None) if arguments.json else printer.tick
    is_covered = arguments.coverage or arguments.fail_under is not None
    verdicts = suite.run(cases, each=each, stop_at=1 if arguments.exitfirst else None, is_covered=is_covered)
    coverage = _coverage(suite, verdicts) if is_covered else None
    if arguments.junit:
        from pronubes.cases.junit import write_junit

        write_junit(Path(arguments.junit), verdicts, config=arguments.config)
    if arguments.json:
        print_json(document(verdicts, config=arguments.config) | ({"coverage": coverage.document()} if coverage is not None else {}))
    else:
        printer.end(verdicts)
        for line in coverage.lines(arguments.config) if coverage is not None else ():
            sys.stdout.write(f"{line}\n")
    if arguments.update:
        return _update(verdicts, is_quiet=arguments.json)
    is_good = all(verdict.kind in (VerdictKind.PASSED, VerdictKind.SKIPPED) for verdict in verdicts)
    if coverage is not None and arguments.fail_under is not None and coverage.percent < arguments.fail_under:
        sys.stderr.write(f"The coverage is below {arguments.fail_under:g} %.\n")
        is_good = False
    return ExitCode.OK if is_good else ExitCode.FAILED


def _coverage(suite: Suite, verdicts: Sequence[Verdict]) -> Coverage:
    from pronubes.cases.coverage import Coverage

    coverage = Coverage(suite.compiled({}).loaded)
    for verdict in verdicts:
        if verdict.happening is not None:
            coverage.add(verdict.happening)
    return coverage


def _update(verdicts: Sequence[Verdict], *, is_quiet: bool) -> int:
    from pronubes.cases.update import update

    updated = update(verdicts)
    stream = sys.stderr if is_quiet else sys.stdout
    for line in updated.lines:
        stream.write(f"{line}\n")
    return ExitCode.OK if updated.is_complete else ExitCode.FAILED
