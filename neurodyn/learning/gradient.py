"""The gradient of a settled objective, exactly and by a flow: references for every learning rule.

    objective = mean over the samples of C(read(s*), y),   μ(s*) = 0,   J = ∂μ/∂s at s*

    exact                 λ solves Jᵀλ = −∂C/∂s                      [003 Thm 3, Eq 32]
    recurrent backprop    λ settles by dλ/dt = Jᵀλ + ∂C/∂s           [003 Cor 7, Eq 46, 47]

The gradient by the weights is then ∂C/∂θ + (∂μ/∂θ)ᵀλ. It is shaped like the net: each floating
array is replaced by its gradient and everything else by None, as `equinox.filter_grad` does.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ..aliases import PerSample, State, Time
from ..batching import over_batch, prepare
from ..cost import AbstractCost
from ..field import AbstractField, is_concrete
from ..resting import AbstractMethod, NotSettledError, Settled, residual_of
from ..settle import settle
from .adjoint import AdjointFlow, Sample, Solved
from .costate import solve_adjoint

DENSE = 256
"""States of up to so many numbers are solved by LU, and their whole spectrum is judged."""

LOOSE = 1e-4
"""The residual up to which a bare state counts as settled, unless told otherwise."""


class _Driven(AbstractField):
    """What an adjoint flow is driven by, as a field that is checked without any derivative."""

    adjoint: AdjointFlow

    def shapes(self) -> tuple[PyTree, PyTree]:
        return self.adjoint.shapes()

    def flow(self, t: Time, state: State, drive: Sample, /) -> State:
        field = self.adjoint.field
        return field.flow(t, drive.state, field.drive(drive.x))


def checked_sample(
    net: AbstractField, cost: AbstractCost, state: PyTree, x: PyTree, y: PyTree
) -> tuple[AdjointFlow, Sample, int | None]:
    """The adjoint flow, its inputs checked and brought to one batch axis, and the batch size."""
    adjoint = AdjointFlow(net, cost)
    if not jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array)):
        raise ValueError(
            "net has no floating arrays to differentiate by: make its weights fields of a module."
        )
    _, sample, batch = prepare(_Driven(adjoint), None, Sample(state, x, y))
    return adjoint, sample, batch


def _weight_gradient(adjoint: AdjointFlow, costate: State, sample: Sample, batch: int | None):
    """∂C/∂θ + (∂μ/∂θ)ᵀλ, the mean over the samples, shaped like the net [003 Eq 32]."""

    def lagrangian(net):
        def one(costate, sample):
            state, x, y = sample
            t = jnp.zeros_like(jax.tree.leaves(state)[0], shape=())
            mu = net.flow(t, state, net.drive(x))
            work = jax.tree.map(jnp.vdot, costate, mu)
            return adjoint.cost(net.read(state), y) + sum(jax.tree.leaves(work))

        return jnp.mean(over_batch(one, batch)(costate, sample))

    return eqx.filter_grad(lagrangian)(adjoint.field)


@eqx.filter_jit
def _of_sound(adjoint, sample, solved, tol, rtol, ok, allow_unstable, batch):
    """The gradient, which is NaN where a sample is not settled, not solved or not to be trusted."""
    fine = ok & (solved.residual <= tol) & (solved.missed <= rtol) & ~solved.singular
    fine = fine & (allow_unstable | ~solved.unstable)
    costate = jax.tree.map(lambda v: jnp.where(fine.all(), v, jnp.nan), solved.costate)
    return _weight_gradient(adjoint, costate, sample, batch)


def equilibrium_gradient(
    net: AbstractField,
    cost: AbstractCost,
    free: PyTree,
    x: PyTree,
    y: PyTree,
    *,
    tol: float | None = None,
    rtol: float | None = None,
    dense: bool | None = None,
    allow_unstable: bool = False,
) -> PyTree:
    """The exact gradient of the settled objective by every weight of `net` [003 Thm 3, Eq 32].

    The objective is the mean of `cost(net.read(s*), y)` over the samples, s* the fixed point.

    **Arguments:** `free`, what `settle(net, x, …)` returned, or its state; `x`, the inputs of the
    net, and `y`, the target of the cost: for one sample, or with a leading batch axis each. `tol`
    is the residual up to which a state counts as settled: by default twice that of the `Settled`
    given and √eps, 1e-4 for a bare state. `rtol` bounds the error of the linear solve, relative to
    ∂C/∂s: √eps of the dtype by default. `dense` says how it is solved: by LU (the default up to
    256 numbers in a state), or by products with Jᵀ alone: sweeps layer by layer, where these also
    show that every sample's fixed point attracts, else GMRES.

    **Returns** the gradient, shaped like `net`: floating arrays become their gradient, all else
    None. Numbers such as λ or γ have one too: leave them out of a step. Its error is that of the
    state, times the condition of J.

    **Raises** `NotSettledError` where a sample of a `Settled` did not settle, and `ValueError` for
    inputs that do not fit, a state that is not at rest, a fixed point that is singular (on a curve
    of them, say: its gradient does not exist) or unstable, and where the linear solve misses
    `rtol`. At an unstable point the gradient exists, but the flow does not follow it: ask with
    `allow_unstable`. With LU all eigenvalues are judged. Sweeps, for fields with one `leak` for all
    and two colours of layers (see `Sweep`), get rid of noise only where all modes attract; one bad
    fixed point in a hundred may pass. What they do not accept, and what other fields have, is
    judged by what 40 products with Jᵀ show of the outermost eigenvalues, so that a narrow
    instability, or a zero eigenvalue deep within the others, can pass, and far from normal matrices
    may be refused though stable: then ask for `dense=True`.
    Where values are traced by `jit` nothing is refused: the gradient is NaN.

    Where an activation is clipped, or a state by `Projected`, the derivative is that of the units
    not at their bounds; on a kink itself there is none.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> net = nd.LeakyIntegrator(weights=jnp.array([[0.5]]), activation=nd.identity)
    >>> x, y = jnp.array([1.0]), jnp.zeros(1)
    >>> free = nd.settle(net, x, tol=1e-5)  # s* = x / (1 − w) = 2
    >>> gradient = equilibrium_gradient(net, nd.SquaredError(), free, x, y)
    >>> round(float(gradient.weights[0, 0]), 3)  # s* x / (1 − w)² = 8
    8.0
    """
    tol, ok, state = _settledness(free, tol)
    adjoint, sample, batch = checked_sample(net, cost, state, x, y)
    flat = [leaf[0] if batch is not None else leaf for leaf in jax.tree.leaves(sample.state)]
    dtype = jnp.result_type(*flat)
    rtol = float(jnp.finfo(dtype).eps) ** 0.5 if rtol is None else rtol
    dense = sum(leaf.size for leaf in flat) <= DENSE if dense is None else dense
    limits = jnp.asarray(tol, dtype), jnp.asarray(rtol, dtype)
    allowed = jnp.asarray(allow_unstable)  # an array, so that both ways are compiled at once
    solved = solve_adjoint(adjoint, sample, limits[1], dense, batch)
    gradient = _of_sound(adjoint, sample, solved, *limits, ok, allowed, batch)
    if is_concrete(solved.residual):
        _require_sound(solved, tol, rtol, allow_unstable)
        _require_finite(gradient)
    return gradient


def _settledness(free: PyTree, tol: Any) -> tuple[Any, Array, PyTree]:
    """(the residual allowed, whether each sample settled, the state) of a `Settled` or a state."""
    if not isinstance(free, Settled):
        return LOOSE if tol is None else tol, jnp.asarray(True), free
    if is_concrete(free.residual):
        free.require()
    return rest_bound(free) if tol is None else tol, free.ok, free.state


def rest_bound(settled: Settled) -> Array:
    """The residual up to which a state passes for that of `settled`, computed anew.

    Another way to compute the same residual may differ by rounding, other weights by much more.
    """
    return 2 * settled.residual.max() + float(jnp.finfo(settled.residual.dtype).eps) ** 0.5


def _require_rest(residual: PerSample, tol: Any) -> None:
    if not bool((residual <= tol).all()):
        raise ValueError(
            f"free is not at rest: its residual is {float(residual.max()):.3g}, above "
            f"tol={float(tol):.3g}; settle it with these weights and inputs first."
        )


def _require_sound(solved: Solved, tol: Any, rtol: Any, allow_unstable: bool) -> None:
    """Refuse a fixed point without a gradient worth having, in one sentence."""
    _require_rest(solved.residual, tol)
    if bool(solved.singular.any()):
        raise ValueError(
            "free is a singular fixed point: its Jacobian has a zero eigenvalue, as on a curve of "
            "fixed points, so that the gradient does not exist."
        )
    if bool(solved.unstable.any()) and not allow_unstable:
        raise ValueError(
            f"free is not a stable fixed point: an eigenvalue has real part "
            f"{float(solved.abscissa.max()):.3g}, so that the flow does not follow it; pass "
            "allow_unstable=True for the gradient of the point all the same."
        )
    if not bool((solved.missed <= rtol).all()):
        raise ValueError(
            f"the linear solve is off by {float(solved.missed.max()):.3g} of ∂C/∂s, above "
            f"rtol={float(rtol):.3g}: ask for dense=True, or a larger rtol."
        )


def _require_finite(gradient: PyTree) -> None:
    if not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient)):
        raise ValueError(
            "the gradient is not finite: an activation has no finite derivative by the weights at "
            "free, or the numbers overflow."
        )


def recurrent_backprop(
    net: AbstractField,
    cost: AbstractCost,
    free: PyTree,
    x: PyTree,
    y: PyTree,
    *,
    tol: float,
    method: AbstractMethod | None = None,
    max_time: float = 1000.0,
) -> PyTree:
    """The gradient of `equilibrium_gradient` by recurrent backpropagation [003 Cor 7].

    The adjoint flow dλ/dt = Jᵀλ + ∂C/∂s [Almeida 1987, Pineda 1987] settles from zero, each sample
    by itself; the state stays at the fixed point. Arguments and result are those of
    `equilibrium_gradient`; `tol` bounds the residual max |Jᵀλ + ∂C/∂s| and `method` and `max_time`
    are those of `settle`. The adjoint flow comes to rest just where the fixed point attracts, so
    that stability needs no test of its own: unless ∂C/∂s does not touch the unstable directions.

    **Raises** `NotSettledError` where the free phase or the adjoint flow did not settle, and
    `ValueError` for inputs that do not fit or a state that is not at rest. Where values are traced
    by `jit` nothing is refused: the gradient is NaN.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> net = nd.LeakyIntegrator(weights=jnp.array([[0.5]]), activation=nd.identity)
    >>> x, y = jnp.array([1.0]), jnp.zeros(1)
    >>> free = nd.settle(net, x, tol=1e-5)
    >>> gradient = recurrent_backprop(net, nd.SquaredError(), free, x, y, tol=1e-5)
    >>> round(float(gradient.weights[0, 0]), 3)
    8.0
    """
    at_rest, ok, state = _settledness(free, None)
    adjoint, sample, batch = checked_sample(net, cost, state, x, y)
    phase = settle(adjoint, sample, tol=tol, method=method, max_time=max_time)
    gradient, still = _relaxed(adjoint, sample, phase, jnp.asarray(at_rest), ok, batch)
    if is_concrete(still):
        _require_rest(still, at_rest)
        _require_adjoint(phase)
        _require_finite(gradient)
    return gradient


@eqx.filter_jit
def _relaxed(adjoint, sample, phase, tol, ok, batch):
    def one(state, x):
        return residual_of(adjoint.field, state, adjoint.field.drive(x))

    still = over_batch(one, batch)(sample.state, sample.x)
    fine = (ok & (still <= tol.astype(still.dtype)) & phase.ok).all()
    costate = jax.tree.map(lambda v: jnp.where(fine, v, jnp.nan), phase.state)
    return _weight_gradient(adjoint, costate, sample, batch), still


def _require_adjoint(phase: Settled) -> None:
    try:
        phase.require()
    except NotSettledError as error:
        raise NotSettledError(
            f"the adjoint flow did not come to rest, as where the fixed point does not attract: "
            f"{error}"
        ) from None
