"""`pronubes tags export`: the names that the tags of a source have now, as a table to go on with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_json_argument, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pronubes.tags.naming import Naming, SourceTag

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("config", metavar="CONFIG", help="The configuration file.")
    parser.add_argument("source", metavar="SOURCE", help="The name of the source.")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="Where to write the table: .csv or .xlsx.")
    parser.add_argument("--force", action="store_true", help="Write over a file that is there.")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export the names."""
    from pronubes.config.load import load
    from pronubes.connectors.naming import naming_of
    from pronubes.connectors.options import TagSourceOptions
    from pronubes.suggest import did_you_mean
    from pronubes.tables.writer import write_table
    from pronubes.tags.names_table import COLUMNS

    output, loaded = Path(arguments.output), load(arguments.config)
    if output.exists() and not arguments.force:
        sys.stderr.write(f"`{output}` is there already. Say `--force` to write over it.\n")
        return ExitCode.USAGE
    sources = {name: one.options for name, one in loaded.configuration.sources.items() if isinstance(one.options, TagSourceOptions)}
    if arguments.source not in sources:
        hint = did_you_mean(arguments.source, sources) or f"Sources with tags: {', '.join(sources) or 'none'}."
        sys.stderr.write(f"`{arguments.config}` has no source `{arguments.source}` with tags. {hint}\n")
        return ExitCode.USAGE
    options = sources[arguments.source]
    naming = loaded.configuration.sources[arguments.source].naming or naming_of(options, arguments.source, None)
    try:
        tags = options.tag_list(loaded.base_dir)
        write_table(output, COLUMNS, _rows(naming, tags), sheet="names")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The names cannot be written: {error}.\n")
        return ExitCode.UNAVAILABLE
    if arguments.json:
        print_json({"source": arguments.source, "tags": len(tags), "output": str(output)})
    else:
        sys.stdout.write(f"{len(tags):,} tags of `{arguments.source}` are in `{output}`.\n")
    return ExitCode.OK


def _rows(naming: Naming, tags: Sequence[SourceTag]) -> Iterator[list[str]]:
    for tag in tags:
        named = naming.name(tag)
        yield [tag.name, named.topic, named.contract or "", named.unit or "", named.description]
