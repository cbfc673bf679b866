"""`pronubes discover`: drafts routes, contracts and a table of topics from what runs through a broker."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json
from pronubes.cli.traffic import add_traffic_arguments, describe, traffic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pronubes.discover.draft import File
    from pronubes.discover.survey import Survey

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes discover --url mqtt://127.0.0.1:1883 --filter 'raw/#'       listen for 30 s, print what was found
  pronubes discover --url mqtt://127.0.0.1:1883 -o draft               write pronubes.yaml, contracts/ and topics.csv
  pronubes discover --recording monday.ndjson -o draft                 the same from a recording

Nothing is published. Retained messages count: they are there at once.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_traffic_arguments(parser)
    add_config_argument(parser)
    parser.add_argument("-o", "--output", metavar="FOLDER", help="Write the draft there. Files that are there already are not touched.")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Listen, then write or print the draft."""
    from pronubes.discover.draft import draft_files

    survey = asyncio.run(_survey(arguments))
    if not survey.messages:
        sys.stderr.write(f"No message came from {describe(arguments)}.\n")
        return ExitCode.FAILED
    files = draft_files(
        survey, url=arguments.url, recording=arguments.recording or "recording.ndjson", topics=arguments.filter, seen_in=describe(arguments)
    )
    if arguments.output and (existing := [file.path for file in files if (Path(arguments.output) / file.path).exists()]):
        sys.stderr.write(f"`{arguments.output}` has {', '.join(existing[:3])} already. Choose another folder.\n")
        return ExitCode.FAILED
    if arguments.output:
        _write(Path(arguments.output), files)
    if arguments.json:
        print_json(_as_json(survey, files))
    else:
        _print(survey, files, arguments.output)
    return ExitCode.OK


async def _survey(arguments: argparse.Namespace) -> Survey:
    from pronubes.discover.survey import Survey

    survey = Survey()
    async for message in traffic(arguments):
        survey.observe(message.topic, message.payload, message.time_ns, is_retained=message.retain)
    return survey


def _write(folder: Path, files: Sequence[File]) -> None:
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")


def _as_json(survey: Survey, files: Sequence[File]) -> dict[str, object]:
    kinds = [
        {"filter": kind.filter(), "topics": len(kind.topics), "messages": sum(kind.topics.values()), "fields": list(kind.shape)}
        for kind in survey.kinds()
    ]
    return {"messages": survey.messages, "topics": survey.topic_count, "kinds": kinds, "files": [file.path for file in files]}


def _print(survey: Survey, files: Sequence[File], output: str | None) -> None:
    sys.stdout.write(f"{survey.messages:,} messages on {survey.topic_count:,} topics, of {len(survey.kinds()):,} kinds.\n")
    if survey.unknown_topics:
        sys.stdout.write(f"{survey.unknown_topics:,} messages of further topics were not looked at: narrow `--filter`.\n")
    if output is None:
        for file in files:
            if file.path != "topics.csv":
                sys.stdout.write(f"\n--- {file.path}\n{file.text}")
        sys.stdout.write("\nWrite these files with `-o FOLDER`.\n")
        return
    for file in files:
        sys.stdout.write(f"  {Path(output) / file.path}\n")
    sys.stdout.write(f"Next: pronubes check {Path(output) / 'pronubes.yaml'}\n")
