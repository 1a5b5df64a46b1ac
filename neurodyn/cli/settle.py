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
from ..activation import activation_named
from ..cost import SquaredError
from ..field import AbstractField, Nudged, Projected
from ..files import writable
from ..integrate import integrate, verdict_names
from ..linearise import linearise
from ..settle import Settled, residuals_along, settle
from ..systems.leaky import LayeredLeakyIntegrator

DRAWN_SAMPLES = 32
DRAWN_TIMES = 150
LARGEST_SPECTRUM = 2000  # units; the time to find the eigenvalues grows as their cube


@dataclasses.dataclass(frozen=True)
class Settle:
    """Settle a layered leaky integrator with random Glorot weights on real images.

    First the free phase; then, with --beta, the nudged phase that pulls the output towards the
    labels. Every sample is judged by itself: its residual max |μ| must come down to --tol. The
    exit code is 0 if every sample settled, 1 if one did not, 2 for bad input.

    For example:

      neurodyn settle --sizes 64,32,10 --data digits --samples 16 --json

      neurodyn settle --sizes 784,512,512,10 --data mnist --beta 0.5 --plot settle.png
    """

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
    activation: str = "hard_sigmoid"
    """hard_sigmoid, tanh, logistic, relu, identity or power(3)."""
    flow: Literal["plain", "projected"] = "plain"
    """plain: ds/dt = μ, the printed equation. projected: states kept in [0, 1]."""
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

    def run(self) -> int:
        """Do it; returns the exit code."""
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


class Experiment:
    """The network, the images and the settled phases of one command."""

    def __init__(self, config: Settle):
        if config.tol is None:
            tol = 1e-6 if config.dtype == "float64" else 1e-4
            config = dataclasses.replace(config, tol=tol)
        self.config, self.tol = config, float(config.tol or 0)
        sizes = parse_sizes(config.sizes)
        self.images = data.load(config.data, samples=config.samples, path=config.data_path)
        pixels = self.images.images.shape[1]
        if sizes[0] != pixels:
            raise ValueError(
                f"sizes starts with {sizes[0]}, but an image of {config.data} has {pixels} "
                f"pixels: write --sizes {pixels},…"
            )
        if config.beta is not None and sizes[-1] != self.images.classes:
            raise ValueError(
                f"sizes ends with {sizes[-1]}, but {config.data} has {self.images.classes} "
                f"classes to nudge towards: end with {self.images.classes}."
            )
        self.network = LayeredLeakyIntegrator.init(
            sizes,
            activation=activation_named(config.activation),
            key=jax.random.key(config.seed),
            dtype=jnp.dtype(config.dtype),
        )
        self.inputs = jnp.asarray(self.images.images, config.dtype)
        self.seconds: dict[str, float] = {}
        self.phases = self._settle()

    def _fields(self) -> dict[str, tuple[AbstractField, Any]]:
        """Each phase's field with its inputs; a projection goes outside the nudge."""
        wrap = Projected if self.config.flow == "projected" else lambda field: field
        fields: dict[str, tuple[AbstractField, Any]] = {"free": (wrap(self.network), self.inputs)}
        if self.config.beta is not None:
            nudged = Nudged(self.network, SquaredError(), self.config.beta)
            targets = jnp.asarray(self.images.targets(), self.config.dtype)
            fields["nudged"] = (wrap(nudged), (self.inputs, targets))
        return fields

    def _settle(self) -> dict[str, Settled]:
        phases, state = {}, None
        for name, (field, inputs) in self._fields().items():
            start = time.perf_counter()
            with Console(stderr=True).status(f"settling the {name} phase"):
                phase = settle(field, inputs, state, tol=self.tol, max_time=self.config.max_time)
                jax.block_until_ready(phase.residual)
            self.seconds[name] = time.perf_counter() - start
            phases[name], state = phase, phase.state
        return phases

    def settings(self) -> dict[str, Any]:
        """What was done, without where it was read from and written to."""
        files = ("plot", "save", "as_json", "data_path")
        return {k: v for k, v in dataclasses.asdict(self.config).items() if k not in files}

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
                    "output": np.asarray(phase.state[-1]).tolist(),
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
        table = Table(
            title=f"{self.config.sizes} on {len(self.inputs)} images", title_justify="left"
        )
        for heading in ("phase", "verdicts"):
            table.add_column(heading)
        for heading in ("worst residual", "time", "steps", "evaluations of μ", "seconds"):
            table.add_column(heading, justify="right")
        for name, phase in self.phases.items():
            table.add_row(name, *_row(phase), f"{self.seconds[name]:.2f}")
        table.caption = "time: median, leak time constants; steps, evaluations: most of any sample"
        Console().print(table)

    def dataset(self):
        """All phases, with the images and labels, as one xarray dataset."""
        sets = {k: record.to_dataset(p, **self.settings()) for k, p in self.phases.items()}
        images = (("sample", "pixel"), self.images.images)
        return record.phases(**sets).assign(inputs=images, label=("sample", self.images.labels))

    def _trajectories(self):
        """(times, layers of the first sample, residual of each sample, onset of the nudge)."""
        few = min(DRAWN_SAMPLES, len(self.inputs))
        clock, states, residuals, start, onsets = [], [], [], None, []
        for name, (field, inputs) in self._fields().items():
            inputs = jax.tree.map(lambda leaf: leaf[:few], inputs)
            longest = float(self.phases[name].time[:few].max())
            ts = np.linspace(0, max(longest, 1.0), DRAWN_TIMES)
            # finer than tol, since a coarser solver hovers above it; not finer than the dtype
            fine = max(self.tol / 100, 10 * float(jnp.finfo(self.config.dtype).eps))
            run = integrate(field, start, inputs, ts, rtol=fine, atol=fine)
            start = jax.tree.map(lambda leaf: leaf[:few], self.phases[name].state)
            onsets.append(clock[-1][-1] if clock else 0.0)
            clock.append(onsets[-1] + ts)
            states.append(jax.tree.map(lambda leaf: np.asarray(leaf[0]), run.states))
            residuals.append(np.asarray(residuals_along(field, run, inputs)))
        layers = tuple(np.concatenate(parts) for parts in zip(*states, strict=True))
        onset = onsets[1] if len(onsets) > 1 else None
        return np.concatenate(clock), layers, np.concatenate(residuals, axis=1), onset

    def draw(self, path: pathlib.Path) -> None:
        """Write the overview picture to `path`, whole or not at all."""
        from .. import plot

        ts, layers, residual, onset = self._trajectories()
        free, nudged = self.phases["free"], self.phases.get("nudged")
        extra: dict[str, Any] = {}
        units = sum(layer.shape[1] for layer in layers)
        if bool(free.ok[0]) and units <= LARGEST_SPECTRUM:  # a spectrum *at the fixed point*
            first = jax.tree.map(lambda leaf: leaf[0], free.state)
            lin = linearise(self._fields()["free"][0], first, self.inputs[0])
            extra["eigenvalues"] = np.asarray(lin.eigenvalues)
            extra["symmetric_bound"] = float(lin.symmetric_bound)
        with plot.style(), plot.page(path, (9, 5)) as figure:
            plot.settle_overview(
                figure,
                ts=ts,
                layers=layers,
                residual=residual,
                tol=self.tol,
                free=free.state[-1][0],
                nudged=None if nudged is None else nudged.state[-1][0],
                target=None if nudged is None else self.images.targets()[0],
                beta=self.config.beta,
                onset=onset,
                title=f"{self.config.sizes.replace(',', '-')} {self.config.activation}, "
                f"{self.config.data}: first sample, {verdict_names(free.verdict)[0]} "
                f"(residuals: first {len(residual)})",
                **extra,
            )


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
