"""`pronubes check`: all errors of a configuration with their lines, and warnings about what will surprise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, diagnostic_as_json, print_diagnostics, print_json
from pronubes.diagnostics import Diagnostic, Severity
from pronubes.errors import ConfigurationError

if TYPE_CHECKING:
    from pronubes.config.load import Loaded

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_config_argument(parser, is_positional=True)
    add_json_argument(parser)
    parser.add_argument("--strict", action="store_true", help="End with code 1 when there are warnings.")
    parser.add_argument("--secrets", action="store_true", help="Also see whether all secrets are there.")


def run(arguments: argparse.Namespace) -> int:
    """Check the configuration."""
    loaded, diagnostics = _diagnostics(arguments.config, with_secrets=arguments.secrets)
    counts = {severity: sum(one.severity is severity for one in diagnostics) for severity in Severity}
    if arguments.json:
        findings = [diagnostic_as_json(diagnostic) for diagnostic in diagnostics]
        errors, warnings = counts[Severity.ERROR], counts[Severity.WARNING]
        counted = _counted(loaded) if loaded is not None else {}
        print_json({"file": arguments.config, "ok": not errors, "errors": errors, "warnings": warnings, **counted, "diagnostics": findings})
    else:
        print_diagnostics(diagnostics)
        if loaded is not None:
            sys.stdout.write(f"`{arguments.config}` is right{_made(loaded)}.\n")
    if counts[Severity.ERROR]:
        return ExitCode.CONFIGURATION
    return ExitCode.FAILED if arguments.strict and counts[Severity.WARNING] else ExitCode.OK


def _diagnostics(path: str, *, with_secrets: bool) -> tuple[Loaded | None, Sequence[Diagnostic]]:
    from pronubes.config.compile import compile_node, compile_router, refuse_errors
    from pronubes.config.lint import lint
    from pronubes.config.load import load, without_garbage_collection
    from pronubes.config.tag_names import tag_list_problems

    with without_garbage_collection():
        try:
            loaded = load(path)
            refuse_errors(compile_router(loaded))
            if with_secrets:
                compile_node(loaded)
            errors, warnings = _contracts(loaded)
            for problem in tag_list_problems(loaded.configuration, loaded.base_dir, str(Path(path).parent)):
                (errors if problem.severity is Severity.ERROR else warnings).append(problem)
        except ConfigurationError as error:
            return None, error.diagnostics
        return (None, errors) if errors else (loaded, [*lint(loaded), *warnings])


def _counted(loaded: Loaded) -> dict[str, Any]:  # Any: a JSON document
    configuration, origins = loaded.configuration, loaded.places.origins
    return {
        "sources": len(configuration.sources),
        "sinks": len(configuration.sinks),
        "routes": len(configuration.routes),
        "templates": len(configuration.templates),
        "machines": origins.rows,
        "made": {kind: len(made) for kind, made in origins.made.items()},
    }


def _made(loaded: Loaded) -> str:
    origins = loaded.places.origins
    if not origins.machines:
        return ""
    made = " and ".join(f"{len(names):,} {kind if len(names) != 1 else kind.removesuffix('s')}" for kind, names in origins.made.items() if names)
    return f": templates make {made} for {origins.rows:,} {'machines' if origins.rows != 1 else 'machine'}"


def _contracts(loaded: Loaded) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Check the contracts that no route names, too: they are read by others, and by the next route."""
    folder = loaded.contracts.folder
    if folder is None:
        return [], []
    from pronubes.contracts.verify import verify

    verified = verify(folder, skip_unchanged=True)
    return verified.errors, verified.warnings
