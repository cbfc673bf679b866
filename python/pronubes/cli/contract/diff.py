"""`pronubes contract diff`: what differs, and whom it breaks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronubes.cli.contract.folders import add_folder_arguments, configuration_of, file_of, folder_of
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_json_argument, print_json, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pronubes.config.contract_uses import Use
    from pronubes.contracts.compare import Change
    from pronubes.contracts.revision import Revision, Version
    from pronubes.diagnostics import Diagnostic

__all__ = ["configure", "run"]

_EPILOG = """\
examples:
  pronubes contract diff measurement@1 measurement@2     two versions of the folder
  pronubes contract diff old.yaml new.yaml               two files
  pronubes contract diff ../main/contracts contracts     two folders, such as checkouts: ends with 1 when a version that is no
                                                         draft was changed so that somebody breaks, or is gone
  pronubes contract diff --against contracts.lock        the same against a lock file
A change breaks readers when payloads may now arrive that could not before, and senders when payloads that were right are now violations.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("old", nargs="?", metavar="A", help="NAME@VERSION, a file or a folder.")
    parser.add_argument("new", nargs="?", metavar="B", help="The same, later.")
    parser.add_argument("--against", metavar="LOCKFILE", help="Compare the folder with what a lock file says.")
    add_folder_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare."""
    if arguments.against is not None:
        if arguments.new is not None:
            return _usage("`--against` compares one folder with a lock file.")
        return _compare_folders(_locked(arguments.against), Path(arguments.old or folder_of(arguments)), arguments)
    if arguments.old is None or arguments.new is None:
        return _usage("Name two versions, files or folders, or one lock file with `--against`.")
    folders = [Path(name).is_dir() for name in (arguments.old, arguments.new)]
    if all(folders):
        return _compare_folders(_folder(Path(arguments.old)), Path(arguments.new), arguments)
    if any(folders):
        return _usage("A folder is compared with a folder.")
    return _compare_versions(arguments)


def _usage(text: str) -> int:
    sys.stderr.write(f"pronubes contract diff: {text}\n")
    return ExitCode.USAGE


def _compare_versions(arguments: argparse.Namespace) -> int:
    from pronubes.contracts.compare import changes

    try:
        old, new = file_of(arguments.old, arguments), file_of(arguments.new, arguments)
    except LookupError as error:
        return _usage(error.args[0])
    different = changes(old.meaning, new.meaning)
    uses = _uses(old.contract.id, different, arguments)
    if arguments.json:
        is_major = any(change.is_major for change in different)
        document = {"from": old.contract.id, "to": new.contract.id, "major": is_major, "changes": [_change(change) for change in different]}
        print_json({**document, "uses": [_use(use) for use in uses]})
        return ExitCode.OK
    _print_head(old.contract.id, new.contract.id, different)
    _print_changes(different)
    _print_uses(old.contract.id, uses)
    return ExitCode.OK


def _uses(id_: str, different: Iterable[Change], arguments: argparse.Namespace) -> list[Use]:
    """Find who uses the older version, when there is a configuration without errors."""
    from pronubes.config.contract_uses import uses
    from pronubes.config.load import load
    from pronubes.errors import ConfigurationError

    config = configuration_of(arguments)
    if config is None:
        return []
    try:
        return uses(load(config), id_, {change.field for change in different})
    except ConfigurationError as error:
        sys.stderr.write(f"`{config}` has errors ({len(error.diagnostics)}): its routes are not looked at.\n")
        return []


def _use(use: Use) -> dict[str, Any]:  # Any: a JSON document
    return {"route": use.route, "role": use.role, "sinks": list(use.sinks), "fields": {path: list(places) for path, places in use.fields.items()}}


def _print_uses(id_: str, uses: Iterable[Use]) -> None:
    for use in uses:
        verb = "promises" if use.role == "contract" else "expects"
        sys.stdout.write(printable(f"route {use.route} {verb} {id_} and sends to {', '.join(use.sinks)}") + "\n")
        for path, places in use.fields.items():
            sys.stdout.write(printable(f"  `{path}` is named in {', '.join(places)}") + "\n")


def _locked(path: str) -> dict[str, Version]:
    from pronubes.contracts.lock import read_lock
    from pronubes.contracts.revision import Version
    from pronubes.errors import ConfigurationError

    lock = read_lock(Path(path))
    if not lock.contracts and not Path(path).is_file():
        from pronubes.diagnostics import Diagnostic

        raise ConfigurationError([Diagnostic(code="unreadable", message="There is no such lock file.", file=path)])
    return {id_: Version(locked.meaning) for id_, locked in lock.contracts.items()}


def _folder(path: Path) -> dict[str, Version]:
    """Read all contracts of a folder; errors end the command."""
    from pronubes.contracts.folder import Contracts
    from pronubes.contracts.revision import Version
    from pronubes.errors import ConfigurationError

    contracts = Contracts(path)
    errors: list[Diagnostic] = []
    found = {}
    for id_ in contracts.ids():
        try:
            file = contracts.read(id_)
            found[id_] = Version(file.meaning, is_draft=file.contract.state == "draft")
        except ConfigurationError as error:
            errors.extend(error.diagnostics)
    if errors:
        raise ConfigurationError(errors)
    return found


def _compare_folders(old: dict[str, Version], folder: Path, arguments: argparse.Namespace) -> int:
    from pronubes.contracts.revision import compare_all

    revisions = compare_all(old, _folder(folder))
    if arguments.against is not None:
        revisions = [revision for revision in revisions if revision.kind != "new"]
    is_broken = any(revision.is_broken for revision in revisions)
    if arguments.json:
        print_json({"broken": is_broken, "contracts": [_revision(revision, arguments) for revision in revisions]})
    else:
        _print_revisions(revisions, arguments)
    return ExitCode.FAILED if is_broken else ExitCode.OK


def _change(change: Change) -> dict[str, Any]:  # Any: a JSON document
    from pronubes.contracts.compare import sentence

    return {
        "field": change.field,
        "rule": change.rule,
        "before": change.before,
        "after": change.after,
        "breaks_readers": change.breaks_readers,
        "breaks_senders": change.breaks_senders,
        "text": sentence(change),
    }


def _revision(revision: Revision, arguments: argparse.Namespace) -> dict[str, Any]:  # Any: a JSON document
    return {
        "id": revision.id,
        "kind": revision.kind,
        "since": revision.since,
        "major": revision.is_major,
        "broken": revision.is_broken,
        "changes": [_change(change) for change in revision.changes],
        "uses": [_use(use) for use in _uses(revision.id, revision.changes, arguments)] if revision.is_broken else [],
    }


def _print_revisions(revisions: list[Revision], arguments: argparse.Namespace) -> None:
    for revision in revisions:
        if revision.kind == "gone":
            verdict = "BROKEN: it is no draft. Bring it back, with `state: retired` if nobody may use it." if revision.is_broken else "it was a draft"
            sys.stdout.write(f"{revision.id} is gone: {verdict}\n")
        elif revision.kind == "new" and revision.since is None:
            sys.stdout.write(f"{revision.id} is new.\n")
        elif revision.kind == "new":
            _print_head(revision.since or "", revision.id, revision.changes)
        else:
            verdict = "BROKEN: somebody breaks. Give it a new version" if revision.is_broken else "nobody breaks, or it was a draft"
            sys.stdout.write(f"{revision.id} was changed in place ({verdict}):\n")
        _print_changes(revision.changes)
        if revision.is_broken:
            _print_uses(revision.id, _uses(revision.id, revision.changes, arguments))
    if not revisions:
        sys.stdout.write("Nothing differs.\n")


def _print_head(old: str, new: str, different: Iterable[Change]) -> None:
    changes = list(different)
    size = "major" if any(change.is_major for change in changes) else "minor" if changes else "the same"
    sys.stdout.write(f"{old} -> {new}: {size}\n")


def _print_changes(different: Iterable[Change]) -> None:
    from pronubes.contracts.compare import sentence

    for change in different:
        sys.stdout.write(printable(f"  {'breaks ' + change.breaks if change.is_major else 'minor':<26} {sentence(change)}") + "\n")
