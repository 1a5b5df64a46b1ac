"""The command line: one file per command, all answering bad input with one clear sentence."""

import os
import re
import sys
from typing import Annotated

import tyro

from .check import Check
from .compare import Compare
from .demo import Demo
from .portrait import Portrait
from .reproduce import Reproduce
from .settle import Settle
from .train import Train

Command = (
    Annotated[Settle, tyro.conf.subcommand("settle")]
    | Annotated[Portrait, tyro.conf.subcommand("portrait")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Reproduce, tyro.conf.subcommand("reproduce")]
    | Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Check, tyro.conf.subcommand("check")]
)


def with_values(words: list[str]) -> list[str]:
    """`--start -2,0.5` as `--start=-2,0.5`: what begins like a negative number is a value.

    >>> with_values(["portrait", "--xlim", "-3,3", "--json"])
    ['portrait', '--xlim=-3,3', '--json']
    """
    joined: list[str] = []
    for word in words:
        if joined and re.fullmatch(r"--[a-z][a-z-]*", joined[-1]) and re.match(r"-[\d.]", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 some sample did not settle, 2 bad input."""
    import jax

    words = with_values(sys.argv[1:] if arguments is None else arguments)
    try:
        command = tyro.cli(
            Command,
            prog="neurodyn",
            description="Continuous-time neural dynamics: settle networks, judge them, draw them.",
            args=words,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
        )
        jax.config.update("jax_enable_x64", True)
        code = command.run()
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError, OSError) as error:
        print(f"neurodyn: {' '.join(str(error).split())}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("neurodyn: stopped.", file=sys.stderr)
        code = 130
    sys.exit(code)
