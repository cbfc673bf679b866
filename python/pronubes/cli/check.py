"""`pronubes check`: all errors of a configuration with their lines, and warnings about what will surprise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, diagnostic_as_json, print_diagnostics, print_json
from pronubes.diagnostics import Diagnostic, Severity
from pronubes.errors import ConfigurationError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_config_argument(parser, is_positional=True)
    add_json_argument(parser)
    parser.add_argument("--strict", action="store_true", help="End with code 1 when there are warnings.")
    parser.add_argument("--secrets", action="store_true", help="Also see whether all secrets are there.")


def run(arguments: argparse.Namespace) -> int:
    """Check the configuration."""
    diagnostics = _diagnostics(arguments.config, with_secrets=arguments.secrets)
    counts = {severity: sum(one.severity is severity for one in diagnostics) for severity in Severity}
    if arguments.json:
        findings = [diagnostic_as_json(diagnostic) for diagnostic in diagnostics]
        errors, warnings = counts[Severity.ERROR], counts[Severity.WARNING]
        print_json({"file": arguments.config, "ok": not errors, "errors": errors, "warnings": warnings, "diagnostics": findings})
    else:
        print_diagnostics(diagnostics)
        if not counts[Severity.ERROR]:
            sys.stdout.write(f"`{arguments.config}` is right.\n")
    if counts[Severity.ERROR]:
        return ExitCode.CONFIGURATION
    return ExitCode.FAILED if arguments.strict and counts[Severity.WARNING] else ExitCode.OK


def _diagnostics(path: str, *, with_secrets: bool) -> Sequence[Diagnostic]:
    from pronubes.config.compile import compile_node, compile_router, refuse_errors
    from pronubes.config.lint import lint
    from pronubes.config.load import load, without_garbage_collection

    with without_garbage_collection():
        try:
            loaded = load(path)
            refuse_errors(compile_router(loaded))
            if with_secrets:
                compile_node(loaded)
        except ConfigurationError as error:
            return error.diagnostics
        return lint(loaded)
