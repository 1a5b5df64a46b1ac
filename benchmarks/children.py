"""Processes that stay alive and answer one line of JSON with another: so methods can take turns."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


class Child:
    """A running command that answers requests; close it at the end."""

    def __init__(self, *command: str, **environment: str):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to one request; `RuntimeError` says what went wrong over there."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        told = json.loads(line) if line else {"error": "the process ended"}
        if "error" in told:
            raise RuntimeError(f"{request} was not answered: {told['error']}.")
        return told

    def close(self) -> None:
        """Let it end."""
        self.process.communicate()


def serve(answer: Callable[..., dict[str, Any]]) -> None:
    """Be a child: answer every line of stdin by `answer(**request)`."""
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), flush=True)


def clocked(call: Callable[[], Any]) -> float:
    """The seconds that `call` takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
