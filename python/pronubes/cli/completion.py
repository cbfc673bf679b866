"""`pronubes completion`: a script that completes commands and options in bash, zsh or fish.

    pronubes completion bash > ~/.local/share/bash-completion/completions/pronubes

The script holds the words; completing starts no Python.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence

from pronubes.cli.entry import COMMANDS
from pronubes.cli.exit_codes import ExitCode

__all__ = ["configure", "run"]

SHELLS = ("bash", "zsh", "fish")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=SHELLS, help="The shell.")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    options = {name: _options(name) for name in COMMANDS}
    script = _fish(options) if arguments.shell == "fish" else _bash(options, is_zsh=arguments.shell == "zsh")
    sys.stdout.write(script)
    return ExitCode.OK


def _options(command: str) -> Sequence[str]:
    parser = argparse.ArgumentParser()
    try:
        importlib.import_module(f"pronubes.cli.{command}").configure(parser)
    except ModuleNotFoundError:
        return ()
    return [option for action in parser._actions for option in action.option_strings if option.startswith("--")]  # noqa: SLF001  no public way


def _bash(options: Mapping[str, Sequence[str]], *, is_zsh: bool) -> str:
    cases = "\n".join(f"    {name}) words='{' '.join(words)}' ;;" for name, words in options.items() if words)
    start = "autoload -U +X bashcompinit && bashcompinit\n" if is_zsh else ""
    return f"""{start}_pronubes() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" words=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{" ".join(options)} --help --version' -- "$current"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{cases}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}}
complete -o filenames -F _pronubes pronubes
"""


def _fish(options: Mapping[str, Sequence[str]]) -> str:
    lines = [f"complete -c pronubes -n __fish_use_subcommand -a {name} -d '{COMMANDS[name]}'" for name in options]
    lines += [
        f"complete -c pronubes -n '__fish_seen_subcommand_from {name}' -l {option.removeprefix('--')}"
        for name, words in options.items()
        for option in words
    ]
    return "\n".join(lines) + "\n"
