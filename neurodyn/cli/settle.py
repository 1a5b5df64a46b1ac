"""`neurodyn settle`: settle a layered network on real images and say how it went."""

import dataclasses
import json
import pathlib
import time
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from .. import data, record
from ..aliases import Layers
from ..field import AbstractField
from ..files import writable
from ..integrate import verdict_names
from ..resting import Settled
from ..settle import settle
from ..systems.catalogue import phases
from ..systems.pathway import Pathway
from . import networks, overview, own


@dataclasses.dataclass(frozen=True)
class Settle:
    """Settle a layered network with random Glorot weights on real images.

    The systems are named by --list; a class of your own is FILE.py:NAME. First the free phase,
    then, with --beta, the nudged one, which pulls the output towards the labels. A pathway, such as
    backprop, has one phase, feedback, for which the labels are always given. Every sample is judged
    by itself: its residual max |μ| must come down to --tol. The exit code is 0 if every sample
    settled, 1 if one did not, 2 for bad input.

    For example:

      neurodyn settle --sizes 64,32,10 --data digits --samples 16 --json

      neurodyn settle --system dual-propagation --beta 0.5

      neurodyn settle --system my_net.py:MyNet --activation tanh

      neurodyn settle --sizes 784,512,512,10 --data mnist --beta 0.5 --plot settle.png
    """

    system: str = "leaky"
    """Which network: see --list; or a class of your own, such as my_net.py:MyNet."""
    sizes: str = "64,32,10"
    """Units of each layer from the input to the output, separated by commas."""
    data: str = "digits"
    """digits (always there), mnist or fashion-mnist (see --data-path)."""
    data_path: pathlib.Path | None = None
    """Folder of the idx files; by default the environment variable NEURODYN_DATA."""
    samples: int = 16
    """How many images, from the first of the training set on."""
    beta: float | None = None
    """Influence parameter β of the nudged phase; leave out for the free phase alone."""
    activation: str | None = None
    """hard_sigmoid, tanh, logistic, relu, identity or power(3); the usual one of the system."""
    flow: Literal["plain", "projected"] = "plain"
    """plain: ds/dt = μ, the printed equation. projected: leaky with states kept in [0, 1]."""
    tol: float | None = None
    """Largest residual max |μ| of a settled sample; 1e-6 in float64, 1e-4 in float32."""
    max_time: float = 1000.0
    """Give up at this time, in leak time constants."""
    dtype: Literal["float64", "float32"] = "float64"
    """Precision of weights and states."""
    seed: int = 0
    """Seed of the random weights."""
    plot: pathlib.Path | None = None
    """Write a picture (.png, .svg or .pdf): traces, residuals, outputs, spectrum."""
    save: pathlib.Path | None = None
    """Write all results with their provenance to a netCDF file (.nc)."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print the results as JSON instead of a table."""
    list_systems: Annotated[bool, tyro.conf.arg(name="list")] = False
    """Name the systems and leave."""

    def run(self) -> int:
        """Do it; returns the exit code."""
        if self.list_systems:
            networks.show(self.as_json)
            return 0
        if self.plot is not None:
            writable(self.plot, (".png", ".svg", ".pdf"))
        if self.save is not None:
            writable(self.save, (".nc",))
        experiment = Experiment(self)
        experiment.report()
        if self.save is not None:
            record.save(experiment.dataset(), self.save)
        if self.plot is not None:
            experiment.draw(self.plot)
        if not self.as_json:
            for written in filter(None, (self.save, self.plot)):
                print(f"wrote {written}")
        return 0 if all(phase.ok.all() for phase in experiment.phases.values()) else 1


def parse_sizes(text: str) -> tuple[int, ...]:
    """The layer sizes in `text`, such as "784,512,10"; `ValueError` if it is not that."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) < 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(
            f"sizes is {text!r}: give two or more positive whole numbers, such as 64,32,10."
        )
    return tuple(map(int, parts))


def require_seed(seed: int) -> None:
    """Refuse a seed that no random key can be made of; `ValueError`."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed}: give an integer from 0 to 2**32 − 1.")


class Experiment:
    """The network, the images and the settled phases of one command."""

    def __init__(self, config: Settle):
        self.config = config = completed(config)
        self.tol = float(config.tol or 0)
        sizes = parse_sizes(config.sizes)
        require_seed(config.seed)
        self.images = data.load(config.data, samples=config.samples, path=config.data_path)
        pixels = self.images.images.shape[1]
        if sizes[0] != pixels:
            raise ValueError(
                f"sizes starts with {sizes[0]}, but an image of {config.data} has {pixels} "
                f"pixels: write --sizes {pixels},…"
            )
        self.network = networks.network(
            config.system,
            sizes,
            activation=config.activation,
            flow=config.flow,
            seed=config.seed,
            dtype=config.dtype,
        )
        if self._has_targets() and sizes[-1] != self.images.classes:
            raise ValueError(
                f"sizes ends with {sizes[-1]}, but {config.data} has {self.images.classes} "
                f"classes to nudge towards: end with {self.images.classes}."
            )
        self.inputs = jnp.asarray(self.images.images, config.dtype)
        self.seconds: dict[str, float] = {}
        self.phases = self._settle()

    def _has_targets(self) -> bool:
        return self.config.beta is not None or isinstance(self.network, Pathway)

    def fields(self) -> dict[str, tuple[AbstractField, Any]]:
        """Each phase's field with its inputs."""
        targets = None
        if self._has_targets():
            targets = jnp.asarray(self.images.targets(), self.config.dtype)
        if isinstance(self.network, Pathway) and self.config.beta is not None:
            raise ValueError(
                f"beta is for networks with a nudged phase: {self.config.system} is a pathway, "
                "which is given the labels anyway; leave --beta out."
            )
        return phases(self.network, self.inputs, targets, self.config.beta)

    def _settle(self) -> dict[str, Settled]:
        found, state = {}, None
        for name, (field, inputs) in self.fields().items():
            start = time.perf_counter()
            with Console(stderr=True).status(f"settling the {name} phase"):
                phase = settle(field, inputs, state, tol=self.tol, max_time=self.config.max_time)
                jax.block_until_ready(phase.residual)
            self.seconds[name] = time.perf_counter() - start
            found[name], state = phase, overview.next_start(phase)
        return found

    def layers(self, phase: str) -> Layers:
        """The activity of each layer at the end of a phase, (samples, n) each."""
        return jax.vmap(self.network.layers)(self.phases[phase].state)

    def top(self, phase: str) -> dict[str, list]:
        """What a cost reads of the last layer of each sample; of a pathway, its top signal."""
        last = jax.tree.leaves(jax.vmap(self.network.read)(self.phases[phase].state))[-1]
        key = "signal" if isinstance(self.network, Pathway) else "output"
        return {key: np.asarray(last).tolist()}

    def settings(self) -> dict[str, Any]:
        """What was done, without where it was read from and written to."""
        left_out = ("plot", "save", "as_json", "data_path", "list_systems")
        return {k: v for k, v in dataclasses.asdict(self.config).items() if k not in left_out}

    def as_dict(self) -> dict[str, Any]:
        """Everything a machine would ask for, ready for JSON."""
        return {
            "command": "settle",
            "config": self.settings(),
            "versions": record.versions(),
            "phases": {
                name: {
                    "verdicts": phase.counts(),
                    "seconds_with_compilation": round(self.seconds[name], 3),
                    "verdict": verdict_names(phase.verdict).tolist(),
                    **{k: np.asarray(getattr(phase, k)).tolist() for k in record.PER_SAMPLE},
                    **self.top(name),
                }
                for name, phase in self.phases.items()
            },
            "labels": self.images.labels.tolist(),
        }

    def report(self) -> None:
        """Print the result, as a table or as JSON."""
        if self.config.as_json:
            print(json.dumps(strict(self.as_dict()), allow_nan=False))
            return
        told = f"{self.config.system} {self.config.sizes} on {len(self.inputs)} images"
        table = Table(title=told, title_justify="left")
        for heading in ("phase", "verdicts"):
            table.add_column(heading)
        for heading in ("worst residual", "time", "steps", "evaluations of μ", "seconds"):
            table.add_column(heading, justify="right")
        for name, phase in self.phases.items():
            table.add_row(name, *_row(phase), f"{self.seconds[name]:.2f}")
        table.caption = "time: median, leak time constants; steps, evaluations: most of any sample"
        Console().print(table)

    def dataset(self):
        """All phases, their states by layer as activities, with the images, as one dataset."""
        sets = {}
        for name, phase in self.phases.items():
            shown = dataclasses.replace(phase, state=self.layers(name))
            sets[name] = record.to_dataset(shown, **self.settings())
        images = (("sample", "pixel"), self.images.images)
        return record.phases(**sets).assign(inputs=images, label=("sample", self.images.labels))

    def draw(self, path: pathlib.Path) -> None:
        """Write the overview picture to `path`, whole or not at all."""
        first = next(iter(self.phases.values()))
        config = self.config
        overview.draw(
            path,
            [
                overview.Phase(field, inputs, self.phases[name])
                for name, (field, inputs) in self.fields().items()
            ],
            tol=self.tol,
            target=None if config.beta is None else self.images.targets()[0],
            beta=config.beta,
            title=f"{config.system} {config.sizes.replace(',', '-')} {config.activation or ''}, "
            f"{config.data}: first sample, {verdict_names(first.verdict)[0]}",
        )


def completed(config: Settle) -> Settle:
    """`config` with the usual tolerance and activation where none is asked for."""
    tol = config.tol
    if tol is None:
        tol = 1e-6 if config.dtype == "float64" else 1e-4
    activation = config.activation
    if activation is None and not own.is_own(config.system):
        activation = networks.named(config.system).activation.name
    return dataclasses.replace(config, tol=tol, activation=activation)


def _row(phase: Settled) -> list[str]:
    return [
        ", ".join(f"{n} {name}" for name, n in phase.counts().items()),
        f"{float(phase.residual.max()):.2e}",
        f"{float(jnp.median(phase.time)):.1f}",
        str(int(phase.steps.max())),
        str(int(phase.evaluations.max())),
    ]


def strict(tree: Any) -> Any:
    """`tree` with null for the numbers that JSON does not know, NaN and infinity."""
    if isinstance(tree, dict):
        return {k: strict(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [strict(v) for v in tree]
    return None if isinstance(tree, float) and not np.isfinite(tree) else tree
