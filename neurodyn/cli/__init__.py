"""The command line: one file per command, all answering bad input with one clear sentence."""

import os
import sys
from typing import Annotated

import tyro

from .check import Check
from .demo import Demo
from .settle import Settle

Command = (
    Annotated[Settle, tyro.conf.subcommand("settle")]
    | Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Check, tyro.conf.subcommand("check")]
)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 some sample did not settle, 2 bad input."""
    import jax

    command = tyro.cli(
        Command,
        prog="neurodyn",
        description="Continuous-time neural dynamics: settle networks, judge them, draw them.",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )
    jax.config.update("jax_enable_x64", True)
    try:
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
