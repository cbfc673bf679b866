"""`pronubes contract check`: judges messages by a contract, without a node."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pronubes.cli.contract.folders import add_folder_arguments, file_of
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_json_argument, print_json, printable
from pronubes.cli.traffic import add_traffic_arguments, describe, traffic

if TYPE_CHECKING:
    from pronubes._core import Contract
    from pronubes.recording import Recorded

__all__ = ["configure", "run"]

_OFFENDERS = 10
_EPILOG = """\
examples:
  pronubes contract check temperature@1 --recording monday.ndjson             judge a recording
  pronubes contract check contracts/temperature/2.yaml --url mqtt://127.0.0.1:1883 --filter 'acme/+/+/temp' --seconds 60
  pronubes contract check temperature@1 --filter 'acme/#' --json              what leaves the running node

It ends with code 1 when a message breaks a rule or when no message came.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("id", metavar="NAME@VERSION|FILE", help="The contract.")
    add_traffic_arguments(parser)
    add_folder_arguments(parser)
    add_json_argument(parser)


@dataclass
class _Judged:
    messages: int = 0
    violated: int = 0
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    offenders: list[dict[str, Any]] = field(default_factory=list)  # Any: JSON documents


def run(arguments: argparse.Namespace) -> int:
    """Judge and report."""
    from pronubes.contracts.engine import checker

    try:
        file = file_of(arguments.id, arguments)
    except LookupError as error:
        sys.stderr.write(f"{error.args[0]}\n")
        return ExitCode.USAGE
    judged = asyncio.run(_judged(arguments, checker(file)))
    if arguments.json:
        rules = [{"field": path, "rule": rule, "count": count} for (path, rule), count in judged.rules.most_common()]
        print_json(
            {"contract": file.contract.id, "judged": judged.messages, "violated": judged.violated, "rules": rules, "offenders": judged.offenders}
        )
    else:
        _print(judged, file.contract.id, describe(arguments))
    return ExitCode.OK if judged.messages and not judged.violated else ExitCode.FAILED


async def _judged(arguments: argparse.Namespace, contract: Contract) -> _Judged:
    judged = _Judged()
    async for message in traffic(arguments):
        judged.messages += 1
        verdicts = contract.judge(message.payload, received_ns=message.time_ns or time.time_ns())
        if not verdicts:
            continue
        judged.violated += 1
        for reason, path, _, _ in verdicts:
            judged.rules[path, reason] += 1
        if len(judged.offenders) < _OFFENDERS:
            judged.offenders.append(_offender(message, verdicts))
    return judged


def _offender(message: Recorded, verdicts: list[tuple[str, str, str, str]]) -> dict[str, Any]:  # Any: a JSON document
    broken = [{"reason": reason, "field": path, "found": found, "expected": expected} for reason, path, found, expected in verdicts]
    return {
        "topic": message.topic,
        "time_ns": message.time_ns,
        "payload": message.payload[:512].decode("utf-8", "backslashreplace"),
        "broken": broken,
    }


def _print(judged: _Judged, id_: str, where: str) -> None:
    sys.stdout.write(f"{judged.messages:,} messages of {where} judged by {id_}: {judged.violated:,} break it.\n")
    for (path, rule), count in judged.rules.most_common():
        sys.stdout.write(f"  {count:>9,}  {rule}  {printable(path) or 'payload'}\n")
    for offender in judged.offenders:
        first = {name: printable(text) for name, text in offender["broken"][0].items()}
        sys.stdout.write(f"\n{printable(offender['topic'])}  {printable(offender['payload'])}\n")
        sys.stdout.write(
            f"  {first['reason']} {printable(first['field'])}: found {printable(first['found'])}, expected {printable(first['expected'])}\n"
        )
