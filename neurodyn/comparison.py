"""Learning rules beside the exact gradient: the angle, its limit as β → 0, and what a rule costs.

    error(β)             ‖change(β) + gradient‖ / ‖gradient‖: zero for gradient descent itself
    change(0)            by the polynomial through four β, each half the one before
    order                the power of β by which change(β) comes to change(0)

A rule whose change(0) is minus the gradient has a bias that vanishes with β; otherwise its limit is
another direction, and a smaller β does not help.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .alignment import Alignment, Angle, alignment, arrays_by_name
from .cost import AbstractCost
from .field import AbstractField
from .learning.contrast import Contrast, contrast
from .learning.feedback import feedback_change
from .learning.gradient import equilibrium_gradient
from .learning.learner import path_gradient
from .resting import NotSettledError, Settled
from .settle import settle
from .systems.pathway import Pathway

Arrays = dict[str, Array]
Vector = Float[np.ndarray, " n"]

CLOSE = 1e-3
"""A relative error up to which a limit, extrapolated from four β, is called minus the gradient."""

LARGEST = 0.02
"""The β from which the bias is followed downwards, or the one asked for where that is smaller."""


class Bias(NamedTuple):
    """How a change depends on β.

    `betas` and `errors`, the largest β first; `limit`, the angle of the extrapolated change(0);
    `left`, its error, and `doubt`, by how much three β would have it otherwise; `order`, the power
    of β by which the change comes to its limit, NaN where rounding and the tolerance leave nothing
    to tell it by; `vanishes`, whether that limit is minus the gradient.
    """

    betas: tuple[float, ...]
    errors: tuple[float, ...]
    limit: Angle
    left: float
    doubt: float
    order: float
    vanishes: bool

    @property
    def told(self) -> bool:
        """Whether the limit is known: not where a unit crosses a kink on the way, say."""
        return self.vanishes or self.doubt <= self.left / 10


class Comparison(NamedTuple):
    """A rule held against minus the exact gradient.

    `beta` is the one asked for, None for a rule without; `alignment` is that of its change; `error`
    is ‖change + gradient‖ / ‖gradient‖; `exact` says whether this is as small as can be told;
    `bias` is None for a rule without β, or where not every phase settled; `phases` are those that
    were run, `used` the samples that settled in all of them; `seconds` is what the phases and the
    change took, compilation left out.
    """

    beta: float | None
    alignment: Alignment
    error: float
    exact: bool
    bias: Bias | None
    phases: dict[str, Settled]
    used: Array
    seconds: float

    @property
    def settled(self) -> bool:
        """Whether every sample settled in every phase."""
        return all(bool(phase.ok.all()) for phase in self.phases.values())

    @property
    def evaluations(self) -> dict[str, float]:
        """How often each phase evaluated its field, the median over the samples."""
        return {name: float(jnp.median(p.evaluations)) for name, p in self.phases.items()}

    @property
    def verdicts(self) -> dict[str, dict[str, int]]:
        """How many samples got each verdict, by phase."""
        return {name: phase.counts() for name, phase in self.phases.items()}


class Bench:
    """A network on a batch of samples, settled freely once, on which rules are compared.

    **Arguments:** `net` and `cost`; `x` and `y`, with a leading batch axis each; `tol` and
    `max_time` as for `settle`.
    """

    def __init__(
        self,
        net: AbstractField,
        cost: AbstractCost,
        x: PyTree,
        y: PyTree,
        *,
        tol: float,
        max_time: float = 1000.0,
    ):
        self.net, self.cost, self.x, self.y = net, cost, x, y
        self.limits: dict[str, Any] = {"tol": tol, "max_time": max_time}
        # nudged by zero, so that the nudged phase finds its compiled code
        still = net.nudged(cost, 0.0)
        self.free, self.free_seconds = _timed(lambda: settle(still, (x, y), **self.limits))
        self._gradients: dict[bytes, Arrays] = {}

    def compare(self, rule: str, beta: float | None = None) -> Comparison:
        """`rule`, nudged by `beta` if it takes one, against minus the exact gradient.

        Samples that do not settle are left out of the change and of the gradient. Raises
        `NotSettledError` where none is left, and what `contrast` and `equilibrium_gradient` do for
        a rule that is not for the network and a fixed point without a gradient.
        """
        found, seconds = _timed(lambda: self._contrast(rule, beta))
        gradient = self.gradient(found.used)
        change = weights_of(found.change)
        error = _error(change, gradient)
        return Comparison(
            beta=beta,
            alignment=alignment(change, gradient),
            error=error,
            exact=error <= self._noise(beta),
            bias=None if beta is None else self._bias(rule, beta),
            phases=found.phases,
            used=found.used,
            seconds=self.free_seconds + seconds,
        )

    def gradient(self, used: Array) -> Arrays:
        """The exact gradient by each weight array, the mean over the samples `used`."""
        which = np.asarray(used)
        key = which.tobytes()
        if key not in self._gradients:
            free, x, y = jax.tree.map(lambda leaf: leaf[which], (self.free, self.x, self.y))
            gradient = equilibrium_gradient(self.net, self.cost, free, x, y)
            self._gradients[key] = weights_of(gradient)
        return self._gradients[key]

    def _contrast(self, rule: str, beta: float | None) -> Contrast:
        task = self.net, self.cost, self.free, self.x, self.y
        return contrast(*task, rule=rule, beta=beta, unsettled="leave-out", **self.limits)

    def _bias(self, rule: str, beta: float) -> Bias | None:
        betas = ladder(beta)
        try:
            found = [self._contrast(rule, b) for b in betas]
        except NotSettledError:
            return None
        if not all(bool((each.used == found[0].used).all()) for each in found):
            return None
        changes = [weights_of(each.change) for each in found]
        return bias_of(changes, betas, self.gradient(found[0].used), self._noise(betas[-1]))

    def _noise(self, beta: float | None) -> float:
        """The relative error that the tolerance of the phases may leave in a change."""
        return 30 * self.limits["tol"] / abs(0.1 if beta is None else beta)


def compare_pathway(
    path: Pathway, x: PyTree, y: PyTree, *, tol: float, max_time: float = 1000.0
) -> Comparison:
    """The change B_l h_{l−1}ᵀ of a pathway against minus the gradient of its feed-forward net.

    Only weights are compared, not biases. `x` and `y` have a leading batch axis each. Raises
    `NotSettledError` where no sample settles.
    """
    phase, seconds = _timed(lambda: settle(path, (x, y), tol=tol, max_time=max_time))
    used = np.asarray(phase.ok)
    if not used.any():
        phase.require()
    inputs, signals = jax.tree.map(lambda leaf: leaf[used], ((x, y), phase))
    change = _numbered(feedback_change(path, *inputs, signals=signals).weights)
    gradient = _numbered(path_gradient(path, *inputs).weights)
    error = _error(change, gradient)
    return Comparison(
        beta=None,
        alignment=alignment(change, gradient),
        error=error,
        exact=error <= 100 * tol,
        bias=None,
        phases={"feedback": phase},
        used=phase.ok,
        seconds=seconds,
    )


def _numbered(weights: Sequence[Array]) -> Arrays:
    return {f"weights[{k}]": w for k, w in enumerate(weights)}


def weights_of(tree: PyTree) -> Arrays:
    """The weights of a change or a gradient by name, without its numbers, such as γ or λ."""
    arrays = {} if tree is None else arrays_by_name(tree)
    flat = {name: leaf for name, leaf in arrays.items() if leaf.ndim}
    if not flat:
        raise ValueError("net has no arrays of weights to compare.")
    return flat


def ladder(beta: float) -> tuple[float, ...]:
    """The four β by which the bias is followed, each half the one before.

    >>> ladder(0.5)
    (0.02, 0.01, 0.005, 0.0025)
    """
    first = float(np.sign(beta)) * min(abs(beta), LARGEST)
    return tuple(first / 2**k for k in range(4))


def bias_of(
    changes: Sequence[Arrays], betas: Sequence[float], gradient: Arrays, noise: float
) -> Bias:
    """How `changes` come to their limit as β → 0, and whether that is minus the `gradient`.

    `changes` and `gradient` are arrays by name, each of `betas` half the one before; relative
    errors up to `noise` tell nothing.
    """
    downhill = -_vector(gradient, gradient)
    size = np.linalg.norm(downhill)
    vectors = np.stack([_vector(change, gradient) for change in changes])
    limit = _at_zero(np.asarray(betas)) @ vectors
    other = _at_zero(np.asarray(betas[1:])) @ vectors[1:]
    left = float(np.linalg.norm(limit - downhill) / size)
    errors = np.linalg.norm(vectors - downhill, axis=1) / size
    gaps = np.linalg.norm(vectors - (downhill if left <= CLOSE else limit), axis=1) / size
    told = gaps[gaps > noise]
    order = float(np.log2(told[-2] / told[-1])) if len(told) > 1 else float("nan")
    angle = alignment({"all": jnp.asarray(limit)}, {"all": jnp.asarray(-downhill)}).overall
    curve = tuple(map(float, betas)), tuple(map(float, errors))
    doubt = float(np.linalg.norm(limit - other) / size)
    return Bias(*curve, angle, left, doubt, order, vanishes=left <= CLOSE)


def _at_zero(points: Vector) -> Vector:
    """What each of the values at `points` adds to the value at 0 of their polynomial [Lagrange]."""
    others = [np.delete(points, k) for k in range(len(points))]
    return np.array([np.prod(o / (o - p)) for o, p in zip(others, points, strict=True)])


def _vector(arrays: Arrays, like: Arrays) -> Vector:
    return np.concatenate([np.ravel(arrays[name]) for name in like]).astype(float)


def _error(change: Arrays, gradient: Arrays) -> float:
    downhill = -_vector(gradient, gradient)
    gap = np.linalg.norm(_vector(change, gradient) - downhill)
    return float(gap / np.linalg.norm(downhill))


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and how long it takes once it is compiled."""
    work()
    start = time.perf_counter()
    done = jax.block_until_ready(work())
    return done, time.perf_counter() - start
