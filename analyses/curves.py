"""Training runs of the analyses: data, one run kept in a folder, and learning curves to draw.

A run lives in FOLDER/NAME, as `neurodyn.train` writes it, and goes on there when it was stopped.
"""

import pathlib
import sys
from typing import Any

import jax
import published

import neurodyn as nd
from neurodyn import data

RUNS = pathlib.Path(__file__).parent / "runs"


def images(quick: bool) -> tuple[data.Dataset, data.Dataset]:
    """MNIST to train and to test on; of the quick form, scikit-learn's digits."""
    name = "digits" if quick else "mnist"
    return data.load(name), data.load(name, split="test")


def trained(
    name: str,
    net: nd.AbstractField,
    learner: nd.AbstractLearner,
    sets: tuple[data.Dataset, data.Dataset],
    options: published.Options,
    **how: Any,
) -> nd.Trained:
    """`neurodyn.train`, told on stderr; kept, and taken up again, in the full form."""
    training, test = sets
    kept: dict[str, Any] = {}
    if not options.quick:
        folder = RUNS / name
        kept = {"out": folder, "resume": (folder / "run.json").exists()}

    def watch(moment: nd.Moment) -> None:
        if moment.update == moment.updates:
            loss, error = moment.means["loss"], moment.means["train_error"]
            told = f"{name}: epoch {moment.epoch} of {moment.epochs}, loss {loss:.4g}, {error:.2%}"
            print(told, file=sys.stderr, flush=True)

    return nd.train(net, learner, training, test=test, watch=watch, **kept, **how)


def percent(share: float) -> str:
    """A share for people.

    >>> percent(0.02314)
    '2.31 %'
    """
    return f"{100 * share:.2f} %"


def column(history: list[dict[str, float]], name: str) -> list[float]:
    """One number of each row."""
    return [row[name] for row in history]


def furthest(a: Any, b: Any) -> float:
    """The largest difference between the arrays of two nets, relative to the largest entry."""
    pairs = zip(*map(jax.tree.leaves, (a, b)), strict=True)
    return max(float(abs(x - y).max() / abs(y).max()) for x, y in pairs if hasattr(x, "dtype"))
