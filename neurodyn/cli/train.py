"""`neurodyn train`: a network learns by a rule, told as it goes, resumed where it stopped."""

import contextlib
import dataclasses
import json
import pathlib
import sys
import warnings
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .. import data, record
from ..activation import activation_named
from ..field import AbstractField
from ..files import writable
from ..learning.keeping import StoppedError, asked
from ..learning.recipes import RECIPES, Recipe, recipe
from ..learning.train import Moment, Trained, train
from . import networks, own
from .reading import degrees, numbers
from .settle import parse_sizes, require_seed, strict

USUAL = {"rule": "vfep", "sizes": "64,64,10", "data": "digits", "epochs": 10}


@dataclasses.dataclass(frozen=True)
class Train:
    """Train a network by a rule, in minibatches, and judge it after each epoch.

    The rules are named by --list; each has a network of its own unless --system names another, and
    rates that work on small nets. After each epoch the errors are counted on the images held back
    (--validation) and on the test set, and the change of the rule is held against the exact
    gradient on a probe batch. With --out the run is saved after each epoch, and when it is stopped
    by Ctrl-C or SIGTERM; --resume goes on, and ends where it would have ended undisturbed. The exit
    code is 0 when the run is done, 2 for bad input and where the loss is lost, 130 or 143 when it
    was stopped.

    For example:

      neurodyn train --rule srbp --epochs 20 --plot curves.png

      neurodyn train --rule vfep --sizes 784,512,512,10 --data mnist --epochs 3 --out runs/vfep

      neurodyn train --resume runs/vfep --epochs 5
    """

    rule: str | None = None
    """The rule: see --list; vfep unless named."""
    sizes: str | None = None
    """Units of each layer from the input to the output, separated by commas; 64,64,10."""
    data: str | None = None
    """digits (always there; the default), mnist or fashion-mnist (see --data-path)."""
    data_path: pathlib.Path | None = None
    """Folder of the idx files; by default the environment variable NEURODYN_DATA."""
    samples: int | None = None
    """How many training images, from the first on; all of them unless given."""
    system: str | None = None
    """Another network than the rule's own: see settle --list; or FILE.py:NAME."""
    activation: str | None = None
    """hard_sigmoid, tanh, logistic, relu, identity or power(3); the usual one of the network."""
    epochs: int | None = None
    """How often all images are gone through; 10. With --resume: in all."""
    batch: int = 20
    """Images in a minibatch."""
    rate: str | None = None
    """Learning rate, or one for each layer from the input on, such as 0.4,0.1,0.01."""
    optimiser: Literal["sgd", "momentum", "adam"] = "sgd"
    """Plain descent, with a momentum of 0.9, or Adam."""
    beta: float | None = None
    """Influence parameter β of rules that nudge; the step of the target for those of paper 002."""
    tol: float = 1e-4
    """Largest residual max |μ| of a settled sample."""
    max_time: float = 1000.0
    """Give a sample up at this time, in leak time constants."""
    validation: int = 0
    """How many training images to hold back and judge after each epoch."""
    probe: int = 20
    """On how many images to hold the change against the exact gradient; 0 for none."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of weights and states."""
    seed: int = 0
    """Seed of the weights, of the order of the images and of what rules draw."""
    out: pathlib.Path | None = None
    """A new folder for checkpoints (checkpoint-*.eqx) and metrics (metrics.nc)."""
    resume: pathlib.Path | None = None
    """Go on with the run in this folder."""
    plot: pathlib.Path | None = None
    """Write a picture (.png, .svg or .pdf): errors, loss and angle by epoch."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print the results as JSON instead of a table."""
    list_rules: Annotated[bool, tyro.conf.arg(name="list")] = False
    """Name the rules and leave."""

    def run(self) -> int:
        """Do it; returns the exit code."""
        if self.list_rules:
            show(self.as_json)
            return 0
        if self.plot is not None:
            writable(self.plot, (".png", ".svg", ".pdf"))
        config = completed(self)
        try:
            with spoken_warnings(), _progress() as watch:
                trained = _trained(config, watch)
        except StoppedError as error:
            print(f"neurodyn: {error}", file=sys.stderr)
            return 128 + error.signal
        self._tell(config, trained)
        return 0

    def _tell(self, config: "Train", trained: Trained) -> None:
        if self.as_json:
            told = {
                "command": "train",
                "config": settings(config),
                "versions": record.versions(),
                "history": trained.history,
            }
            print(json.dumps(strict(told), allow_nan=False))
        else:
            Console().print(_table(config, trained))
        if self.plot is not None:
            draw(trained, self.plot)
            if not self.as_json:
                print(f"wrote {self.plot}")


def completed(config: Train) -> Train:
    """`config` with what it leaves open: the usual, or what the run to resume was asked."""
    if config.resume is None:
        given = {k: v for k in USUAL if (v := getattr(config, k)) is not None}
        return dataclasses.replace(config, **{**USUAL, **given})
    if config.out is not None:
        raise ValueError("out is given as well as resume: a run goes on in its own folder.")
    asked_for = asked(config.resume)["config"]
    names = {field.name for field in dataclasses.fields(Train)}
    if not set(asked_for) <= names:
        raise ValueError(f"{config.resume} is not a run of this command: resume it in Python.")
    open_ones = ("resume", "plot", "as_json", "list_rules", "data_path", "epochs")
    fresh = Train()
    for name in names - set(open_ones):
        mine = getattr(config, name)
        if mine != getattr(fresh, name) and mine != asked_for.get(name):
            raise ValueError(
                f"{name} is {mine}, but the run in {config.resume} has {asked_for.get(name)}: only "
                "epochs can be changed when it goes on."
            )
    kept = {k: v for k, v in asked_for.items() if k not in open_ones}
    epochs = asked_for["epochs"] if config.epochs is None else config.epochs
    return dataclasses.replace(config, **kept, epochs=epochs)


def settings(config: Train) -> dict[str, Any]:
    """What was asked of the run, without where it is read from and written to."""
    left_out = ("data_path", "out", "resume", "plot", "as_json", "list_rules")
    return {k: v for k, v in dataclasses.asdict(config).items() if k not in left_out}


def _trained(config: Train, watch: Any) -> Trained:
    sizes = parse_sizes(config.sizes or "")
    require_seed(config.seed)
    chosen = recipe(config.rule or "")
    rates = _rates(config, chosen, sizes)
    name = config.data or ""
    images = data.load(name, samples=config.samples, path=config.data_path)
    networks.require_ends(sizes, images)
    limits = {"tol": config.tol, "max_time": config.max_time}
    return train(
        _network(config, chosen, sizes),
        chosen.learner(beta=config.beta, **limits),
        images,
        optimiser=_optimiser(config.optimiser, rates),
        epochs=config.epochs or 0,
        batch=config.batch,
        seed=config.seed,
        validation=config.validation,
        test=data.load(name, split="test", path=config.data_path),
        probe=config.probe,
        out=config.out if config.resume is None else config.resume,
        resume=config.resume is not None,
        watch=watch,
        config=settings(config),
    )


def _network(config: Train, chosen: Recipe, sizes: tuple[int, ...]) -> AbstractField:
    system = config.system
    if system is not None and own.is_own(system):
        options: dict[str, Any] = {"activation": config.activation, "seed": config.seed}
        return networks.network(system, sizes, dtype=config.dtype, **options)
    activation = None if config.activation is None else activation_named(config.activation)
    return chosen.make(
        sizes,
        key=jax.random.key(config.seed),
        network=system,
        activation=activation,
        beta=config.beta,
        dtype=jnp.dtype(config.dtype),
    )


def _rates(config: Train, chosen: Recipe, sizes: tuple[int, ...]) -> tuple[float, ...]:
    if config.rate is None:
        return (chosen.rate,)
    rates = tuple(float(rate) for rate in numbers(config.rate, "rate"))
    if len(rates) not in (1, len(sizes) - 1) or min(rates) < 0 or not max(rates) > 0:
        raise ValueError(
            f"rate is {config.rate}: give one positive number, or {len(sizes) - 1} from 0 on, one "
            "for each layer of weights."
        )
    return rates


def _optimiser(name: str, rates: tuple[float, ...]) -> Any:
    import optax  # here, since it is only for this command

    from ..learning.updates import by_layer

    rate = rates[0] if len(rates) == 1 else 1.0
    made = {"sgd": optax.sgd(rate), "momentum": optax.sgd(rate, 0.9), "adam": optax.adam(rate)}
    return made[name] if len(rates) == 1 else optax.chain(made[name], by_layer(rates))


@contextlib.contextmanager
def spoken_warnings() -> Iterator[None]:
    """Warnings as sentences of the command line."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_, **__: print(
            f"neurodyn: {message}", file=sys.stderr
        )
        yield


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """A function that shows each `Moment`: a bar for the epoch, and what it told so far."""
    told = TextColumn("{task.description}")
    bar = Progress(told, BarColumn(20), TimeRemainingColumn(), console=Console(stderr=True))
    with bar:
        task = bar.add_task("compiling", total=None)

        def watch(moment: Moment) -> None:
            bar.update(
                task,
                description=described(moment),
                total=moment.epochs * moment.updates,
                completed=(moment.epoch - 1) * moment.updates + moment.update,
            )

        yield watch


def described(moment: Moment) -> str:
    """How far a run is, in a line."""
    now, last = moment.means, moment.last or {}
    parts = [
        f"epoch {moment.epoch} of {moment.epochs}",
        f"loss {now['loss']:.3g}",
        f"errors {now['train_error']:.1%}",
    ]
    if now["settled"] < 1:
        parts.append(f"settled {now['settled']:.1%}")
    if "test_error" in last:
        parts.append(f"test {last['test_error']:.1%}")
    if np.isfinite(last.get("cosine", np.nan)):
        parts.append(f"angle {degrees(last['cosine']):.0f}°")
    return ", ".join(parts)


_COLUMNS = {
    "epoch": ("epoch", "d"),
    "loss": ("loss", ".4g"),
    "train_error": ("training", ".2%"),
    "validation_error": ("validation", ".2%"),
    "test_error": ("test", ".2%"),
    "settled": ("settled", ".1%"),
    "seconds": ("seconds", ".1f"),
}


def _table(config: Train, trained: Trained) -> Table:
    """The last ten epochs."""
    rows = trained.history
    shown = [name for name in _COLUMNS if name in rows[-1]]
    title = f"{config.rule} on {config.data}, {config.sizes}, seed {config.seed}: errors"
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.caption = "settled: in every phase; angle: of the changes to −gradient"
    for name in shown:
        table.add_column(_COLUMNS[name][0], justify="right")
    if "cosine" in rows[-1]:
        table.add_column("angle", justify="right")
    for row in rows[-10:]:
        cells = [format(row[name], _COLUMNS[name][1]) for name in shown]
        if "cosine" in row:
            cells.append(f"{degrees(row['cosine']):.1f}°")
        table.add_row(*cells)
    return table


def draw(trained: Trained, path: pathlib.Path) -> None:
    """Write the curves to `path`, whole or not at all."""
    from .. import plot
    from ..plot.learning import learning_page

    wide = 9 if "cosine" in trained.history[-1] else 6.5
    with plot.style(), plot.page(path, (wide, 2.8)) as figure:
        learning_page(figure, trained.history)


def rows() -> list[dict[str, Any]]:
    """What there is to know of each rule before it is used."""
    return [
        {
            "rule": name,
            "about": r.about,
            "source": r.source,
            "network": r.network,
            "rate": r.rate,
            "beta": r.beta,
        }
        for name, r in RECIPES.items()
    ]


def show(as_json: bool) -> None:
    """Print the rules, as a table or as JSON."""
    if as_json:
        print(json.dumps(rows(), ensure_ascii=False))
        return
    table = Table(title="Rules to train by", title_justify="left")
    for heading in ("rule", "what it does", "source", "network", "rate", "β"):
        table.add_column(heading, overflow="fold")
    for row in rows():
        beta = "none" if row["beta"] is None else f"{row['beta']:g}"
        words = (row[k] for k in ("rule", "about", "source", "network"))
        table.add_row(*words, f"{row['rate']:g}", beta)
    (Console() if sys.stdout.isatty() else Console(width=140)).print(table)
