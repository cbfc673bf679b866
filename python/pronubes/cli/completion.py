"""`pronubes completion`: a script that completes commands and options in bash, zsh or fish.

    pronubes completion bash > ~/.local/share/bash-completion/completions/pronubes

The script holds the words; completing starts no Python.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pronubes.cli.entry import COMMANDS
from pronubes.cli.exit_codes import ExitCode

__all__ = ["configure", "run"]

SHELLS = ("bash", "zsh", "fish")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=SHELLS, help="The shell.")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    words = {name: _words(name) for name in COMMANDS}
    script = _fish(words) if arguments.shell == "fish" else _bash(words, is_zsh=arguments.shell == "zsh")
    sys.stdout.write(script)
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Words:
    """What may follow on a command: its verbs, where it has any, and the options of it and of all its verbs."""

    verbs: Mapping[str, str]
    options: Sequence[str]


def _words(command: str) -> _Words:
    parser = argparse.ArgumentParser()
    try:
        importlib.import_module(f"pronubes.cli.{command}").configure(parser)
    except ModuleNotFoundError:
        return _Words({}, ())
    verbs: dict[str, str] = {}
    parsers = [parser]
    for action in parser._actions:  # noqa: SLF001  no public way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  no public way
            verbs = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001  no public way
            parsers += action.choices.values()
    options = [option for one in parsers for action in one._actions for option in action.option_strings]  # noqa: SLF001  no public way
    return _Words(verbs, sorted({option for option in options if option.startswith("--")}))


def _bash(words: Mapping[str, _Words], *, is_zsh: bool) -> str:
    options = "\n".join(f"    {name}) words='{' '.join(one.options)}' ;;" for name, one in words.items() if one.options)
    verbs = "\n".join(f"    {name}) verbs='{' '.join(one.verbs)}' ;;" for name, one in words.items() if one.verbs)
    start = "autoload -U +X bashcompinit && bashcompinit\n" if is_zsh else ""
    return f"""{start}_pronubes() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" words='' verbs=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{" ".join(words)} --help --version' -- "$current"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{options}
  esac
  case "${{COMP_WORDS[1]}}" in
{verbs}
  esac
  if [ "$COMP_CWORD" -eq 2 ] && [ -n "$verbs" ]; then
    COMPREPLY=($(compgen -W "$verbs --help" -- "$current"))
    return
  fi
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}}
complete -o filenames -F _pronubes pronubes
"""


def _fish(words: Mapping[str, _Words]) -> str:
    lines = [f"complete -c pronubes -n __fish_use_subcommand -a {name} -d '{COMMANDS[name]}'" for name in words]
    lines += [
        f"complete -c pronubes -f -n '{seen} {name}; and not {seen} {' '.join(one.verbs)}' -a {verb} -d '{text}'"
        for seen in ("__fish_seen_subcommand_from",)
        for name, one in words.items()
        for verb, text in one.verbs.items()
    ]
    lines += [
        f"complete -c pronubes -n '__fish_seen_subcommand_from {name}' -l {option.removeprefix('--')}"
        for name, one in words.items()
        for option in one.options
    ]
    return "\n".join(lines) + "\n"
