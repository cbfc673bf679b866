"""`pronubes contract infer`: drafts a contract from messages."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pronubes.cli.contract.folders import add_folder_arguments, folder_of
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_json_argument, print_json
from pronubes.cli.traffic import add_traffic_arguments, describe, traffic

if TYPE_CHECKING:
    from pronubes.contracts.infer import Learner

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes contract infer temperature --filter 'acme/+/+/+/temp/#'          from what leaves the running node, for 30 s
  pronubes contract infer temperature --url mqtt://127.0.0.1:1883 --filter 'raw/+/temp'
  pronubes contract infer temperature --recording monday.ndjson --write     writes contracts/temperature/1.yaml

A draft says what was seen: types, ranges with room on either side, texts of few values as enumerations, fields that are sometimes missing, times,
and the unit that a payload names. It begins with `state: draft` and `mode: observe`: nothing is refused before a person has read it.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("name", metavar="NAME", help="The name of the contract; its next version is drafted.")
    add_traffic_arguments(parser)
    parser.add_argument("--write", action="store_true", help="Write the file into the folder of contracts instead of printing it.")
    add_folder_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Learn and print or write the draft."""
    from pronubes.contracts.draft import draft_text
    from pronubes.contracts.folder import Contracts

    learner = asyncio.run(_learned(arguments))
    if not learner.is_contract:
        sys.stderr.write(_why_not(learner, describe(arguments)))
        return ExitCode.FAILED
    folder = Path(folder_of(arguments))
    known = Contracts(folder).versions.get(arguments.name, ()) if folder.is_dir() else ()
    version = max(map(int, known), default=0) + 1
    text = draft_text(arguments.name, version, learner, learned_from=describe(arguments))
    path = folder / arguments.name / f"{version}.yaml"
    if arguments.write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if arguments.json:
        document = {"contract": f"{arguments.name}@{version}", "file": str(path) if arguments.write else None, "learned": learner.count}
        print_json(document | {"unreadable": learner.unreadable, "draft": text})
        return ExitCode.OK
    sys.stdout.write(f"Drafted {path} from {learner.count:,} messages.\n" if arguments.write else text)
    if learner.unreadable:
        sys.stderr.write(f"{learner.unreadable:,} messages are no JSON objects: no contract accepts them.\n")
    return ExitCode.OK


async def _learned(arguments: argparse.Namespace) -> Learner:
    from pronubes.contracts.infer import Learner

    learner = Learner()
    async for message in traffic(arguments):
        learner.observe(message.payload, message.time_ns)
    return learner


def _why_not(learner: Learner, where: str) -> str:
    if learner.is_mixed:
        return f"Payloads of {where} are sometimes objects and sometimes bare values: narrow `--filter`, no contract fits both.\n"
    if learner.unreadable or learner.count:
        messages = learner.unreadable + learner.count
        return f"None of the {messages:,} messages of {where} is a JSON object with fields or a bare value: there is nothing to learn.\n"
    return f"No message came from {where}.\n"
