"""`pronubes doctor`: what limits the promise and the rate of a configuration on this machine, in numbers."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pronubes.doctor.finding import Finding

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes doctor                        disk, clock, machine and brokers of ./pronubes.yaml
  pronubes doctor line2.yaml --offline   without connecting to brokers
  pronubes doctor --probe-broker         publish to pronubes/doctor/... too, to measure the broker's window
  pronubes doctor --json                 for programs

It writes 400 KiB into the data folder, for a moment. The code is 0 when nothing is bad, 1 when something is; with --strict also when something is a
warning. Run it as the user of the service, on the machine of the service.
"""
_COLORS = {"ok": "\x1b[32m", "warn": "\x1b[1;33m", "bad": "\x1b[1;31m"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_config_argument(parser, is_positional=True)
    parser.add_argument("--offline", action="store_true", help="Connect to no broker.")
    parser.add_argument("--probe-broker", action="store_true", help="Publish some messages to a private topic, to measure windows.")
    parser.add_argument("--strict", action="store_true", help="Let warnings end with 1 as well.")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look, and say what was found; the code is 1 when something is bad."""
    found = _look(arguments.config, is_offline=arguments.offline, is_probing=arguments.probe_broker)
    counts = {level: sum(finding.level == level for finding in found) for level in ("bad", "warn", "ok")}
    if arguments.json:
        from dataclasses import asdict

        print_json({"findings": [asdict(finding) for finding in found], "counts": counts})
    else:
        _print(found)
        sys.stdout.write(f"\n{counts['bad']} bad, {counts['warn']} to look at, {counts['ok']} ok.\n")
    return ExitCode.FAILED if counts["bad"] or (arguments.strict and counts["warn"]) else ExitCode.OK


def _look(config: str, *, is_offline: bool, is_probing: bool) -> Sequence[Finding]:
    import datetime as dt

    from pronubes.config.load import load
    from pronubes.doctor.clock import look_at_clock
    from pronubes.doctor.delivery import look_at_delivery
    from pronubes.doctor.disk import look_at_disk
    from pronubes.doctor.machine import look_at_machine
    from pronubes.doctor.needs import needs_of

    loaded = load(config)
    needs = needs_of(loaded)
    of_disk, syncs = look_at_disk(needs)
    found = [*of_disk, *look_at_clock(dt.datetime.now(dt.UTC)), *look_at_machine(needs), *look_at_delivery(loaded, needs)]
    if not is_offline:
        from pronubes.doctor.broker import look_at_brokers

        found += look_at_brokers(loaded, needs, syncs, is_probing=is_probing)
    return found


def _print(found: Sequence[Finding]) -> None:
    import os
    import textwrap

    is_colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    area = ""
    for finding in found:
        if finding.area != area:
            area = finding.area
            sys.stdout.write(f"{area}\n")
        level = f"{_COLORS[finding.level]}{finding.level:<4}\x1b[0m" if is_colored else f"{finding.level:<4}"
        sys.stdout.write(f"  {level}  {finding.name}: {printable(finding.figure)}\n")
        for text in (finding.meaning, f"-> {finding.action}" if finding.action else None):
            if text:
                sys.stdout.write(textwrap.indent(textwrap.fill(printable(text), 112), " " * 8) + "\n")
