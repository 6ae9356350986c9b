"""Completion of the command line in bash, zsh and fish."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

PROGRAM = "ade-engine"
SHELLS = ("bash", "zsh", "fish")
BASH = """\
_ade_engine() {{
    local at="" word words=""
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$at $word" in {paths}) at="$at $word" ;; esac
    done
    case "$at" in
{words}
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _ade_engine {program}
"""
ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


class UnknownShellError(Exception):
    """The shell is none that can be completed in."""


def shell_in_use() -> str:
    """The name of the user's shell."""
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise UnknownShellError(f"completion is for {', '.join(SHELLS)}; the variable SHELL names '{name}'")
    return name


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """What a shell reads to complete the commands of a parser."""
    words = _words(parser, "")
    if shell == "fish":
        return "".join(_fish(path, found) for path, found in words.items())
    text = BASH.format(
        program=PROGRAM,
        paths=" | ".join(f'"{path}"' for path in words if path),
        words="\n".join(f'        "{path}") words="{" ".join(found)}" ;;' for path, found in words.items()),
    )
    return ZSH + text if shell == "zsh" else text


def install(parser: argparse.ArgumentParser, shell: str) -> Path:
    """Puts the script where the shell finds it, and returns where that is."""
    home = Path.home()
    if shell == "fish":
        path = home / ".config" / "fish" / "completions" / f"{PROGRAM}.fish"
    else:
        path = home / f".{shell}_completions" / f"{PROGRAM}.sh"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script(parser, shell), "utf-8")
    if shell != "fish":
        profile, line = home / f".{shell}rc", f"source '{path}'"
        before = profile.read_text("utf-8") if profile.exists() else ""
        if line not in before.splitlines():
            with profile.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}\n" if before else f"{line}\n")
    return path


def _words(parser: argparse.ArgumentParser, path: str) -> dict[str, list[str]]:
    """Options and commands by the commands before them, each of which has a space before it."""
    options = [option for action in parser._actions for option in action.option_strings]
    commands = {
        name: child
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, child in action.choices.items()
    }
    found = {path: [*commands, *options]}
    for name, child in commands.items():
        found |= _words(child, f"{path} {name}")
    return found


def _fish(path: str, words: list[str]) -> str:
    commands = path.split()
    seen = " and ".join(f"__fish_seen_subcommand_from {command}" for command in commands) or "__fish_use_subcommand"
    return f"complete -c {PROGRAM} -n '{seen}' -a '{' '.join(words)}'\n"
