"""`pronubes recording convert`: recordings to lines of JSON and back, so that people can edit them."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pronubes.cli.arguments import size
from pronubes.cli.exit_codes import ExitCode
from pronubes.errors import PronubesError
from pronubes.recording import UNBOUNDED, is_recording_file, new_writer, open_lines, pieces_of, whole_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes recording convert line1.pnrec line1.ndjson        to lines of JSON, to read and to edit
  pronubes recording convert line1.ndjson edited.pnrec       and back
  pronubes recording convert line1.pnrec - | jq .topic
  pronubes recording convert torn.pnrec whole.pnrec --to recording      keep what is whole of a damaged one

Nothing is lost on the way there and back: payloads keep every byte. Ends with code 1 when the input is cut or damaged; what is whole is written.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("input", metavar="INPUT", help="A recording, or lines of JSON (`-`: standard input; gzip is read too).")
    parser.add_argument("file", metavar="OUTPUT", help="The file to write (`-`: lines of JSON to standard output).")
    parser.add_argument("--to", choices=("lines", "recording"), help="What to write (default: what the input is not).")
    parser.add_argument("--plain", action="store_true", help="Do not compress a recording.")
    parser.add_argument("--max-bytes", type=size, default=UNBOUNDED, metavar="SIZE", help="Write no larger recording.")
    parser.add_argument("--overwrite", action="store_true", help="Replace the output if it is there.")


def run(arguments: argparse.Namespace) -> int:
    """Convert."""
    is_recording = is_recording_file(arguments.input)
    target = arguments.to or ("lines" if is_recording else "recording")
    if target == "recording" and arguments.file == "-":
        sys.stderr.write("pronubes recording convert: A recording goes to a file, not to standard output.\n")
        return ExitCode.USAGE
    if arguments.file == arguments.input:
        sys.stderr.write("pronubes recording convert: Input and output are the same file.\n")
        return ExitCode.USAGE
    pieces = _Pieces(arguments.input, is_recording=is_recording)
    try:
        count = _to_recording(pieces, arguments) if target == "recording" else _to_lines(pieces, arguments)
    except FileExistsError:
        sys.stderr.write(f"pronubes recording convert: `{arguments.file}` is there already. Choose another name, or add --overwrite.\n")
        return ExitCode.USAGE
    except OSError as error:
        raise PronubesError(f"`{arguments.file}` or `{arguments.input}`: {error.strerror}.") from error
    if arguments.file != "-":
        sys.stdout.write(f"{count:,} messages in {arguments.file}.\n")
    if pieces.problem:
        sys.stderr.write(f"{arguments.input}: {pieces.problem}\n")
        return ExitCode.FAILED
    return ExitCode.OK


class _Pieces:
    """The messages of the input as pieces of whole lines of JSON, and what was wrong with it."""

    def __init__(self, path: str, *, is_recording: bool) -> None:
        self._path = path
        self._is_recording = is_recording
        self.problem = ""
        self.lost = 0

    def __iter__(self) -> Iterator[bytes]:
        if not self._is_recording:
            with open_lines(self._path) as file:
                yield from whole_lines(file)
            return
        ending = yield from pieces_of(self._path)
        self.problem, self.lost = ending.sentence(), ending.lost + ending.missing


def _to_recording(pieces: _Pieces, arguments: argparse.Namespace) -> int:
    writer = new_writer(
        arguments.file,
        is_compressed=not arguments.plain,
        max_bytes=arguments.max_bytes,
        is_replacing=arguments.overwrite,
        now_ns=time.time_ns(),
    )
    try:
        first = 1
        for lines in pieces:
            wrong = writer.append_lines(lines)
            if wrong is not None:
                pieces.problem = f"line {first + wrong[0]}: {wrong[1]} What stands before it is written."
                break
            first += lines.count(b"\n")
        writer.flush()
        if writer.left_out:
            pieces.problem = pieces.problem or f"{writer.left_out:,} messages did not fit into the recording."
        return writer.messages
    finally:
        writer.end(lost=pieces.lost, now_ns=time.time_ns())


def _to_lines(pieces: _Pieces, arguments: argparse.Namespace) -> int:
    count = 0
    with _output(arguments) as file:
        for lines in pieces:
            file.write(lines)
            count += lines.count(b"\n") + (not lines.endswith(b"\n"))
    return count


@contextlib.contextmanager
def _output(arguments: argparse.Namespace) -> Iterator[BinaryIO]:
    if arguments.file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with Path(arguments.file).open("wb" if arguments.overwrite else "xb") as file:
        yield file
