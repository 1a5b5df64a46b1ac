"""PyTorch beside neurodyn: a Python that has it, kept alive and asked for one run at a time.

What it does is in `torch_peer.py`, which that other Python runs. Here its ways to settle are made
into peers like all others: same problem, same judge, and they take turns with the rest.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

import neurodyn as nd

from .children import Child
from .peers import Peer
from .problem import Problem, Run

STEPS = (0.5, 0.7, 0.8, 0.9, 1.0)
CHECKS = (1, 4)


def matrices(field: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The weights upward and downward of a layered net, tied or not."""
    if isinstance(field, nd.LayeredHopfield):
        up = [np.asarray(w) for w in field.weights]
        return up, [w.T for w in up[1:]]
    return [np.asarray(w) for w in field.forward], [np.asarray(w) for w in field.feedback]


def below(problem: Problem) -> np.ndarray:
    """What the first weights are applied to."""
    field, x = problem.field, problem.inputs
    return np.asarray(x if isinstance(field, nd.LayeredHopfield) else field.activation(x))


class Torch:
    """A process that runs PyTorch, on as many threads as there are cores; close it at the end."""

    def __init__(self, python: str):
        script = Path(__file__).with_name("torch_peer.py")
        self.child = Child(python, str(script), str(os.cpu_count()))
        about = self.child.ask(do="about")
        self.folder = tempfile.TemporaryDirectory()
        self.loaded: tuple[Problem, Any] | None = None
        self.others: list[str] = about["others"]
        self.version = f"PyTorch {about['torch']}, {os.cpu_count()} threads"

    def close(self) -> None:
        """End the process."""
        self.child.close()
        self.folder.cleanup()

    def load(self, problem: Problem, y: Any = None) -> None:
        """Hand over a problem, unless it has it already."""
        if self.loaded and self.loaded[0] is problem and self.loaded[1] is y:
            return
        forward, feedback = matrices(problem.field)
        arrays = {f"forward_{k}": w for k, w in enumerate(forward)}
        arrays |= {f"feedback_{k}": w for k, w in enumerate(feedback)}
        arrays |= {"y": np.asarray(y)} if y is not None else {}
        file = Path(self.folder.name) / "problem.npz"
        np.savez(
            file,
            **arrays,  # pyright: ignore[reportArgumentType]
            layers=len(forward),
            below=below(problem),
            activation=problem.activation,
            tol=problem.tol,
        )
        self.child.ask(do="load", file=str(file))
        self.loaded = problem, y

    def run(self, **request: Any) -> tuple[list[np.ndarray], dict[str, Any]]:
        """What one run found, and what it told."""
        file = Path(self.folder.name) / "found.npz"
        told = self.child.ask(save=str(file), **request)
        with np.load(file) as found:
            return [found[f"arr_{k}"] for k in range(len(found))], told

    def settle(self, way: str):
        """`run(problem, **setting)` of a `Peer`."""

        def run(problem: Problem, **setting: Any) -> Run:
            self.load(problem)
            layers, told = self.run(do="settle", way=way, setting=setting)
            return Run(tuple(map(jnp.asarray, layers)), told["evaluations"], told["seconds"])

        return run

    def euler(
        self, steps: tuple[float, ...] = STEPS, checks: tuple[int, ...] = CHECKS
    ) -> tuple[Peer, Peer]:
        """Euler loops over the whole batch, and over what is left of it."""
        settings = tuple({"step": s, "check": c} for s in steps for c in checks)
        note = (
            f"{self.version}: fixed steps of the whole batch, two products in an evaluation, "
            "preallocated, the residual looked at every `check` steps"
        )
        return (
            Peer("PyTorch Euler", self.settle("euler"), note, settings),
            Peer(
                "PyTorch Euler, dropping",
                self.settle("dropping"),
                "the same; samples that have settled leave the batch",
                settings,
            ),
        )

    def packages(self) -> tuple[Peer, ...]:
        """Peers by torchdeq and torchdiffeq, where they are installed."""
        deq = tuple({"solver": "fixed_point_iter", "times": times} for times in (1, 3, 10))
        ode = tuple({"rtol": rtol, "max_step": 1.5} for rtol in (1e-2, 1e-3))
        known = (
            Peer("torchdeq", self.settle("torchdeq"), "its fixed-point iteration", deq),
            Peer(
                "torchdiffeq",
                self.settle("torchdiffeq"),
                "odeint_event by dopri5, one step for the whole batch, atol = tol/10",
                ode,
            ),
        )
        return tuple(peer for peer in known if peer.name in self.others)
