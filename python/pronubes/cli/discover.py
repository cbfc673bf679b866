"""`pronubes discover`: drafts routes, contracts and a table of topics from what runs through a broker, or from a tag list of a Modbus device."""

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
  pronubes discover --tags boiler.csv --url tcp://10.0.0.7 -o draft    a source, names.csv and contracts from a Modbus tag list

Nothing is published. Retained messages count: they are there at once.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_traffic_arguments(parser)
    add_config_argument(parser)
    parser.add_argument("--tags", metavar="FILE", help="Draft from this Modbus tag list; `--url` names the device.")
    parser.add_argument("-o", "--output", metavar="FOLDER", help="Write the draft there. Files that are there already are not touched.")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Listen, then write or print the draft."""
    if arguments.tags:
        return _from_tags(arguments)
    from pronubes.discover.draft import draft_files

    survey = asyncio.run(_survey(arguments))
    if not survey.messages:
        sys.stderr.write(f"No message came from {describe(arguments)}.\n")
        return ExitCode.FAILED
    files = draft_files(
        survey, url=arguments.url, recording=arguments.recording or "recording.ndjson", topics=arguments.filter, seen_in=describe(arguments)
    )
    if not _is_written(arguments.output, files):
        return ExitCode.FAILED
    if arguments.json:
        print_json(_as_json(survey, files))
    else:
        _print(survey, files, arguments.output)
    return ExitCode.OK


def _from_tags(arguments: argparse.Namespace) -> int:
    """Draft from a tag list."""
    from pronubes.connectors.modbus.tags import load_tags
    from pronubes.discover.tag_list import draft_of_tags

    path = Path(arguments.tags)
    try:
        tags, problems = load_tags(path)
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"`{path}` cannot be read: {error}.\n")
        return ExitCode.UNAVAILABLE
    for problem in problems[:20]:
        sys.stderr.write(f"{path}:{problem.row}: {problem.column}: found {problem.found}, expected {problem.expected}.\n")
    if problems:
        return ExitCode.FAILED
    files = draft_of_tags(tags, text, url=arguments.url or "tcp://127.0.0.1:502", file=path.name)
    if not _is_written(arguments.output, files):
        return ExitCode.FAILED
    if arguments.json:
        print_json({"tags": len(tags), "files": [file.path for file in files]})
    else:
        sys.stdout.write(f"{len(tags):,} tags of {sum(file.path.startswith('contracts/') for file in files):,} kinds.\n")
        _print_files(files, arguments.output)
    return ExitCode.OK


def _is_written(output: str | None, files: Sequence[File]) -> bool:
    """Write the draft where it is wanted; false where some of it is there already."""
    if output is None:
        return True
    existing = [file.path for file in files if (Path(output) / file.path).exists()]
    if existing:
        sys.stderr.write(f"`{output}` has {', '.join(existing[:3])} already. Choose another folder.\n")
        return False
    _write(Path(output), files)
    return True


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
    _print_files(files, output)


def _print_files(files: Sequence[File], output: str | None) -> None:
    if output is None:
        for file in files:
            if file.path not in {"topics.csv", "tags.csv"}:
                sys.stdout.write(f"\n--- {file.path}\n{file.text}")
        sys.stdout.write("\nWrite these files with `-o FOLDER`.\n")
        return
    for file in files:
        sys.stdout.write(f"  {Path(output) / file.path}\n")
    sys.stdout.write(f"Next: pronubes check {Path(output) / 'pronubes.yaml'}\n")
