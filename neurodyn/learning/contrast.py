"""The weight change of a two-phase rule, and the regime that it was computed in.

    free phase  →  second phase, from the free state  →  local difference, mean over the samples

Every sample settles by itself; only the weight changes are averaged. A rule is not to be trusted
further than its phases settled, so each result says how they did.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ..aliases import FlagPerSample, PerSample, State
from ..batching import over_batch, prepare
from ..cost import AbstractCost
from ..field import AbstractField, is_concrete
from ..integrate import Verdict, verdict_names
from ..resting import AbstractMethod, NotSettledError, Settled
from ..settle import residual, settle
from .choose import Task, rule_named
from .phases import is_synapse

Phases = dict[str, Settled]
_residual = eqx.filter_jit(residual)


class Contrast(eqx.Module):
    """A weight change, and how the phases settled that it was made from.

    **Fields:** `change`, shaped like the net: each floating array holds the mean change over the
    samples, a direction of descent; all else is None, single numbers such as λ or γ too; `phases`,
    a `Settled` for each phase in the order run, "free" first; `used`, True for each sample that
    went into the mean.
    """

    change: PyTree
    phases: Phases
    used: FlagPerSample

    @property
    def verdicts(self) -> dict[str, np.ndarray]:
        """The names of the verdicts of each phase, sample by sample."""
        return {name: verdict_names(phase.verdict) for name, phase in self.phases.items()}

    @property
    def settled_share(self) -> dict[str, float]:
        """The share of the samples that settled in each phase."""
        return {name: float(jnp.mean(phase.ok)) for name, phase in self.phases.items()}

    @property
    def time(self) -> dict[str, PerSample]:
        """The time that each phase took, in leak time constants."""
        return {name: phase.time for name, phase in self.phases.items()}

    @property
    def residual(self) -> dict[str, PerSample]:
        """max |μ| at the end of each phase."""
        return {name: phase.residual for name, phase in self.phases.items()}

    @property
    def left_out(self) -> int:
        """How many samples did not settle in every phase, and are not in the mean."""
        return int(jnp.sum(~self.used))


def contrast(
    net: AbstractField,
    cost: AbstractCost,
    free: Settled | None,
    x: PyTree,
    y: PyTree,
    *,
    rule: str,
    tol: float,
    beta: Any = None,
    unsettled: str = "refuse",
    method: AbstractMethod | None = None,
    max_time: float = 1000.0,
) -> Contrast:
    """The weight change of `net` by a two-phase `rule`: settled states in, a descent direction out.

    **Rules**, and when they give −∂J/∂θ, minus the exact gradient of J = cost(net.read(s⁰), y):

    - `"ep"`, `"ep-centred"`: nudged by β against free, or against −β [003 Eq 16; 001 Eq 3.11]. Up
      to O(β), or O(β²), where ∂μ/∂s is symmetric, as for energies; else an approximation of ν.
    - `"nu"`: ν, the limit of these for β → 0 [003 Eq 33]; takes no `beta`.
    - `"exact-nudge"`, `"exact-nudge-centred"`: for any field, up to O(β) or O(β²), since the nudge
      transposes ∂μ/∂s. (Orders hold while no unit crosses a kink of a clipped activation.)
    - `"chl"`: the output clamped at y against free [001 §3.2]; energies, no `beta`. Not exact.
    - `"chl-discounted"`: the same for nets made by `discounted`, with the weights γ^{l−L}; no
      `beta`. Up to O(γ) backpropagation's: for `Discounted` energies of the squared error of a
      linear output, for leaky integrators of the loss whose slope at the output is ρ(h_L) − y.
    - `"coupled"`: the output clamped at s⁰ + β (y − s⁰), 0 < β ≤ 1 [001 §3.2]; energies. Parallel
      to the gradient for one output, as β → 0; not for several.
    - `"dyadic"`: (s⁺ − s⁻) s̄ᵀ/β of `Dyadic` and `LayeredDyadic` nets, up to O(β²) [001 Eq 4.7].

    Energies are contrasted as such; other fields take (∂μ/∂θ)ᵀ at the free state. Nets that are
    `Projected` or `Scaled` change the weights inside. Each of the two entries of a synapse in a
    dense `Hopfield` net gets half its change, so that a step keeps it symmetric. Clamping takes a
    `SquaredError`, and holds what it reads: at an end of the range of an activation, as ±1 for
    tanh, where no finite state is, at the last number inside.

    **Arguments:** `free`, what `settle(net, x, …)` returned, or None to settle it here, from rest;
    `x` and `y`, for one sample or with a leading batch axis each; `tol`, to which each phase
    settles, with `method` and `max_time` as for `settle`. Samples that do not settle in every phase
    are refused, or with `unsettled="leave-out"` left out of the mean and counted. Under `jit`
    nothing is refused: the change is then NaN.

    **Returns** a `Contrast`. **Raises** `NotSettledError`, with the counts, if samples do not
    settle, or none does; `TypeError` or `ValueError` for a rule that is not for this net, a β below
    100 `tol`, a `free` that is no fixed point for `x` to `tol`, and inputs that do not fit.

    >>> import jax, jax.numpy as jnp, neurodyn as nd
    >>> net = nd.LayeredHopfield.init((3, 4, 2), key=jax.random.key(0))
    >>> x, y, cost = jnp.ones((5, 3)), jnp.array([0.5, -0.5]), nd.SquaredError()
    >>> free = nd.settle(net, x, tol=1e-5)
    >>> found = nd.contrast(net, cost, free, x, y, rule="ep-centred", beta=0.1, tol=1e-5)
    >>> [w.shape for w in found.change.weights], found.settled_share
    ([(4, 3), (2, 4)], {'free': 1.0, 'nudged': 1.0, 'away': 1.0})
    """
    if unsettled not in ("refuse", "leave-out"):
        raise ValueError(f"unsettled is {unsettled!r}: choose 'refuse' or 'leave-out'.")
    if not isinstance(net, AbstractField):
        raise TypeError(f"net is a {type(net).__name__}: give a field.")
    if not (free is None or isinstance(free, Settled)):
        raise TypeError(
            f"free is a {type(free).__name__}: give what settle(net, x, …) returned, or None."
        )
    chosen = rule_named(Task(rule, net, cost, y, beta), tol)
    limits: dict[str, Any] = {"tol": tol, "method": method, "max_time": max_time}
    given = free is not None
    free = settle(net, x, **limits) if free is None else free
    state, (x, y), batch = prepare(net.nudged(cost, 0.0), _safe(free.state, free.ok), (x, y))
    free = _over(free, batch)
    if given:
        _require_same(net, free, state, x, tol)
    phases = {"free": free}
    _require(phases, unsettled)
    for phase in chosen.phases(net, cost):
        start, inputs = over_batch(phase.given, batch)(state, (x, y))
        phases[phase.name] = settle(phase.field, inputs, start, **limits)
        _require(phases, unsettled)
    used = jnp.all(jnp.stack([phase.ok for phase in phases.values()]), axis=0)
    _, *ends = (_safe(phase.state, used) for phase in phases.values())
    wanted = (
        jnp.sum(used) if unsettled == "leave-out" else jnp.where(used.all(), used.size, jnp.nan)
    )
    change = _mean_change(chosen, net, _safe(state, used), tuple(ends), x, used, wanted, batch)
    return Contrast(change, phases, used)


@eqx.filter_jit
def _mean_change(rule, net, free, ends, x, used, count, batch):
    """The gradient of the mean score: one product with all samples, no array for each of them."""

    def total_score(net):
        def one(states, x):
            free, ends = states
            return rule.score(net, free, ends, x)

        return jnp.sum(jnp.where(used, over_batch(one, batch)((free, ends), x), 0))

    total = eqx.filter(eqx.filter_grad(total_score)(net), is_synapse)
    return jax.tree.map(lambda change: change / count.astype(change.dtype), total)  # 0/0 for none


def _safe(state: State, ok: FlagPerSample) -> State:
    """`state` with zeros for the samples that are not `ok`: they may be infinite."""
    return jax.tree.map(
        lambda s: jnp.where(ok.reshape(ok.shape + (1,) * (s.ndim - ok.ndim)), s, 0), state
    )


def _over(free: Settled, batch: int | None) -> Settled:
    """The results of one free phase for each of a batch of targets."""
    if batch is None or free.residual.ndim:
        return free
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (batch, *leaf.shape)), free)


def _require_same(net: AbstractField, free: Settled, state: State, x: PyTree, tol: Any) -> None:
    """Refuse a free phase of other inputs, or one that was settled less closely."""
    left = jnp.max(jnp.where(free.ok, _residual(net, state, x), 0))
    if is_concrete(left) and is_concrete(tol) and not left <= 2 * tol:  # twice, for the rounding
        raise ValueError(
            f"free is not a fixed point of net and x to tol={tol:g}, its residual is {left:.3g}: "
            "give settle(net, x, tol=tol), or None."
        )


def _require(phases: Phases, unsettled: str) -> None:
    """Refuse phases in which a sample did not settle, or none at all."""
    ok = jnp.all(jnp.stack([phase.ok for phase in phases.values()]), axis=0)
    if not is_concrete(ok) or ok.all() or (unsettled == "leave-out" and ok.any()):
        return
    counts = {
        name: ", ".join(f"{n} {verdict}" for verdict, n in phase.counts().items())
        for name, phase in phases.items()
    }
    told = "; ".join(f"{name} phase: {count}" for name, count in counts.items())
    last = list(phases.values())[-1]
    reasons = " ".join(
        f"{n}: {Verdict[getattr(Verdict, n)]}." for n in last.counts() if n != "settled"
    )
    remedy = " Or leave those samples out: unsettled='leave-out'." if ok.any() else ""
    raise NotSettledError(f"not every sample settled ({told}). {reasons}{remedy}")
