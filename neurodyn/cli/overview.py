"""The picture of `neurodyn settle`: how the first sample of a batch came to rest."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..aliases import Layers, State
from ..field import AbstractField
from ..integrate import Verdict, integrate
from ..linearise import linearise
from ..resting import Settled
from ..settle import residuals_along
from ..systems.pathway import Pathway

DRAWN = slice(32)  # samples
DRAWN_TIMES = 150
LARGEST_SPECTRUM = 2000  # numbers in a state; the time to find the eigenvalues grows as their cube


@dataclasses.dataclass(frozen=True)
class Phase:
    """One phase of a batch: `field` with its `inputs`, and where each sample `settled`."""

    field: AbstractField
    inputs: Any
    settled: Settled

    @property
    def layers(self) -> Layers:
        """The activity of each layer where the samples stopped, (batch, n) each."""
        return jax.vmap(self.field.layers)(self.settled.state)

    @property
    def output(self) -> Array:
        """What a cost reads of the last layer, (batch, n)."""
        return jax.tree.leaves(jax.vmap(self.field.read)(self.settled.state))[-1]


def next_start(before: Settled) -> State:
    """Where the next phase starts: where each sample stopped, or at zero if it diverged."""
    lost = before.verdict == Verdict.diverged
    return jax.tree.map(
        lambda s: jnp.where(lost.reshape(-1, *(1,) * (s.ndim - 1)), 0, s), before.state
    )


def draw(
    path: pathlib.Path,
    phases: Sequence[Phase],
    *,
    tol: float,
    target: Any = None,
    beta: float | None = None,
    title: str = "",
) -> None:
    """Write the overview of one or two phases to `path`, whole or not at all.

    `target`, of the first sample, is shown beside a nudged output.
    """
    from .. import plot

    first, *more = phases
    nudged = more[0].output[0] if more else None
    ts, layers, residual, onset = _trajectories(phases, tol)
    with plot.style(), plot.page(path, (9, 5)) as figure:
        axes = plot.settle_overview(
            figure,
            ts=ts,
            layers=layers,
            residual=residual,
            tol=tol,
            free=first.output[0],
            nudged=nudged,
            target=None if nudged is None else target,
            beta=beta,
            onset=onset,
            title=f"{title} (residuals: first {len(residual)})",
            **_spectrum(first),
        )
        if isinstance(first.field, Pathway):
            _name_signals([*axes[: len(layers)], axes[len(layers) + 1]])


def _name_signals(axes: list[Any]) -> None:
    """What a pathway moves are no states, and its phase is not the free one."""
    for ax in axes:
        ax.set_ylabel("signal δ or τ")
        legend = ax.get_legend()
        if legend is not None:
            legend.get_texts()[0].set_text("feedback")


def _spectrum(phase: Phase) -> dict[str, Any]:
    """The spectrum *at the fixed point* of the first sample, where it has one."""
    state, inputs = (jax.tree.map(lambda a: a[0], t) for t in (phase.settled.state, phase.inputs))
    units = sum(leaf.size for leaf in jax.tree.leaves(state))
    if not bool(phase.settled.ok[0]) or units > LARGEST_SPECTRUM:
        return {}
    lin = linearise(phase.field, state, inputs)
    return {
        "eigenvalues": np.asarray(lin.eigenvalues),
        "symmetric_bound": float(lin.symmetric_bound),
    }


def _trajectories(phases: Sequence[Phase], tol: float):
    """(times, layers of the first sample, residual of each sample, onset of the nudge)."""
    clock, drawn, residuals, start, onsets = [], [], [], None, []
    for phase in phases:
        inputs = jax.tree.map(lambda leaf: leaf[DRAWN], phase.inputs)
        ts = np.linspace(0, max(float(phase.settled.time[DRAWN].max()), 1.0), DRAWN_TIMES)
        # much finer than tol, above which stiff flows would hover; not finer than the dtype
        fine = max(tol / 1e4, 10 * float(jnp.finfo(phase.settled.residual.dtype).eps))
        run = integrate(phase.field, start, inputs, ts, rtol=fine, atol=fine)
        start = jax.tree.map(lambda leaf: leaf[DRAWN], next_start(phase.settled))
        onsets.append(clock[-1][-1] if clock else 0.0)
        clock.append(onsets[-1] + ts)
        path = jax.tree.map(lambda leaf: leaf[0], run.states)
        drawn.append(jax.tree.map(np.asarray, jax.vmap(phase.field.layers)(path)))
        residuals.append(np.asarray(residuals_along(phase.field, run, inputs)))
    layers = tuple(np.concatenate(parts) for parts in zip(*drawn, strict=True))
    onset = onsets[1] if len(onsets) > 1 else None
    return np.concatenate(clock), layers, np.concatenate(residuals, axis=1), onset
