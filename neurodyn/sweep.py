"""Sweep: settle layer by layer, each set to where it rests while the others stand still.

    μ_k = F_k(the other layers) − λ_k s_k = 0,   so   s_k ← F_k/λ_k = s_k + μ_k/λ_k

This is block Gauss–Seidel. Layers that do not hear each other have one colour and move together;
each colour hears the newest states of the others. Layered nets have two colours, and since the
layers of one colour need only their own part of μ, a sweep over all costs one evaluation of it.

**What attracts sweeps.** With two colours and one λ, let ν be an eigenvalue of the way from one
colour to the other and back, at a fixed point. The flow has the eigenvalues −λ(1 ± √ν) there, and
sweeps that go the share ω of the way come nearer where √ν lies in the ellipse with the half axes
1, along the real line, and (2 − ω)/ω [Young 1954]. That is inside the strip |Re √ν| < 1 where the
flow comes nearer, and fills it as ω → 0.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.extend.core import Literal
from jaxtyping import Array, Int, PyTree

from .aliases import Drive, FlagPerSample, Scalar, State
from .batching import while_going
from .field import AbstractField, largest
from .implicit import fixed, resting
from .integrate import Verdict
from .resting import AbstractMethod, Settled, require_positive, residual_of

Count = Int[Array, ""]
Colours = tuple[tuple[int, ...], ...]

SHORTER, LONGER = 0.7, 1.01
"""What the share of the way is multiplied by where sweeps get no closer, and where one does."""

SHORTEST = 0.1
"""The least share of the way to where a layer rests."""

GROWN = 3.0
"""How much the change may grow in one sweep before the share is cut at once."""

COARSE = 2.0**-18
"""The residual at which sweeps in float32 end, relative to the state if that is above 1: some ten
times its rounding."""

MANY = 2**14
"""Fields of fewer numbers are not swept in float32 first: their products take no time."""


class _Run(NamedTuple):
    """One sample on its way: it sweeps until `change` is at `target`, and then is judged.

    `change` is the largest residual of a layer when its turn came; `least`, the smallest of these
    since `share` was last cut; `waited`, the sweeps since.
    """

    state: State
    residual: Scalar
    change: Scalar
    target: Scalar
    share: Scalar
    least: Scalar
    waited: Count
    sweeps: Count
    checks: Count


class Sweep(AbstractMethod):
    """Set each layer to where it rests while the others stand still, over and over.

    For fields that tell their `leak`: layered nets, also nudged, projected or clamped; `TypeError`
    for others. `steps` are sweeps, each of which counts as one evaluation of μ, like the checks of
    the residual at the end. No time passes: `time` is zero, and `max_time` of no account.

    **What it promises is a fixed point, not the one that the flow goes to.** Where there are
    several, as in nets with tied weights, it often ends at another; in nets of two colours and one
    λ, at one that attracts the flow as well, unless it starts on a saddle. Strong feedback makes
    sweeps go round, or run away, where the flow comes to rest: a sample that comes no closer for
    `patience` sweeps therefore goes a smaller share of the way, until it gets on again. It may
    still end as `out_of_steps` or `diverged`: ask `Relax` then.

    **Fields:** `patience`; `most`, the largest share of the way, grown to while sweeps come closer:
    above 1 is over-relaxation, for fields that run down an energy; `max_steps`, sweeps per
    sample; `bound`, the size of a state entry that counts as divergence; `coarse`, whether fields
    in float64 are swept in float32 as far as that goes. A nudge that undoes the leak, as β ≤ −1
    does for the squared error, is `diverged`.

    >>> import jax, jax.numpy as jnp, neurodyn as nd
    >>> net = nd.LayeredLeakyIntegrator.init((4, 6, 3), key=jax.random.key(0))
    >>> swept = nd.settle(net, jnp.ones((5, 4)), tol=1e-5, method=nd.Sweep())
    >>> swept.counts(), bool(swept.steps.max() < 20)
    ({'settled': 5}, True)
    """

    patience: int = 10
    most: float = 1.0
    coarse: bool = True
    bound: float = 1e9
    max_steps: int = 1000

    def __check_init__(self):
        require_positive(self, "patience", "most", "bound", "max_steps")

    def settle_one(
        self, field: AbstractField, state: State, drive: Drive, tol: Scalar, max_time: Scalar
    ) -> Settled:
        given = field, drive
        field, drive, state = fixed((field, drive, state))
        sweep = _sweep_of(field, state, drive)
        arrays, rest = eqx.partition((field, drive), eqx.is_array)
        bound, share = (jnp.asarray(n, tol.dtype) for n in (self.bound, min(self.most, 1.0)))

        def unfinished(run):
            return self._above(run.residual, tol, run)

        def moving(run):
            return self._above(run.change, run.target, run)

        def onward(run, arrays):
            return self._after(run, *sweep(run, *eqx.combine(arrays, rest)))

        def sweep_and_judge(run):
            run = run._replace(target=jnp.where(unfinished(run), run.target, jnp.inf))
            run = while_going(moving, onward, run, arrays)
            return run._replace(
                residual=residual_of(field, run.state, drive),
                change=bound,
                # rarely needed: where sweeps converge, the residual after one is the smaller
                target=run.target / 2,
                checks=run.checks + 1,
            )

        none = jnp.zeros((), int)
        start = _Run(state, bound, bound, tol, share, jnp.inf * share, none, none, none)
        if self.coarse:
            start = self._coarsely(onward, start, arrays)
        run = jax.lax.while_loop(unfinished, sweep_and_judge, start)
        lost = ~(largest(run.state) <= bound) | ~(run.residual <= bound)
        unsettled = Verdict.where(lost, Verdict.diverged, Verdict.out_of_steps)
        return Settled(
            state=resting(*given, run.state, run.residual <= tol),
            residual=run.residual,
            time=jnp.zeros_like(max_time),
            steps=run.sweeps,
            evaluations=run.sweeps + run.checks,
            verdict=Verdict.where(run.residual <= tol, Verdict.settled, unsettled),
        )

    def _above(self, size: Scalar, goal: Scalar, run: _Run) -> FlagPerSample:
        """Whether a sample goes on whose residual, as far as it is known, is `size`."""
        more = ~(size <= goal) & (size <= self.bound)  # false for NaN
        return more & (run.sweeps < self.max_steps)

    def _coarsely(self, onward: Callable, run: _Run, arrays: PyTree) -> _Run:
        """`run` as far as float32 brings it: until rounding would show, or it gets no closer."""
        dtype, start = run.share.dtype, _cast((run, arrays), jnp.float32)
        few = sum(array.size for array in jax.tree.leaves(arrays)) < MANY
        if few or dtype != jnp.float64 or not _keeps_dtypes(onward, *start):
            return run

        def far(now):
            goal = jnp.maximum(now.target, COARSE * jnp.maximum(1, largest(now.state)))
            return self._above(now.change, goal, now) & (now.share >= min(self.most, 1.0))

        end = _cast(while_going(far, onward, *start, by=4), dtype)
        sane = largest(end.state) <= self.bound  # false for NaN
        state = jax.tree.map(lambda new, old: jnp.where(sane, new, old), end.state, run.state)
        return run._replace(state=state, sweeps=end.sweeps)

    def _after(self, run: _Run, state: State, change: Scalar) -> _Run:
        """`run` with the results of one more sweep."""
        closer = change < run.least
        waited = jnp.where(closer, 0, run.waited + 1)
        tired = (waited >= self.patience) | (change > GROWN * run.change)
        longer = jnp.where(closer, jnp.minimum(LONGER * run.share, self.most), run.share)
        return run._replace(
            state=state,
            change=change,
            share=jnp.where(tired, jnp.maximum(SHORTER * run.share, SHORTEST), longer),
            least=jnp.where(closer | tired, change, run.least),
            waited=jnp.where(tired, 0, waited),
            sweeps=run.sweeps + 1,
        )


def _cast(tree: PyTree, dtype: Any) -> PyTree:
    """`tree` with its floating arrays in `dtype`."""
    return jax.tree.map(lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a, tree)


def _keeps_dtypes(onward: Callable, run: _Run, arrays: PyTree) -> bool:
    """Whether a coarser run stays as coarse: some fields hold numbers of their own."""
    try:
        after = jax.eval_shape(onward, run, arrays)
    except (TypeError, ValueError):
        return False
    pairs = zip(jax.tree.leaves(after), jax.tree.leaves(run), strict=True)
    return all(a.dtype == b.dtype for a, b in pairs)


def _sweep_of(field: AbstractField, state: State, drive: Drive) -> Callable:
    """One sweep of `(run, field, drive)`: the state after it, and the largest residual of a layer
    when its turn came."""
    if field.leak() is None:
        raise TypeError(
            f"field is {type(field).__name__}, which is not known to leak layer by layer: settle "
            "it by Relax(), or write its `leak`."
        )
    colours = colouring(field, state, drive)

    def sweep(run, field, drive):
        rates, (layers, tree) = jax.tree.leaves(field.leak()), jax.tree.flatten(run.state)
        t = jnp.zeros_like(layers[0], shape=())
        residuals = []
        for colour in colours:
            rest = jax.tree.leaves(field.balanced(t, jax.tree.unflatten(tree, layers), drive))
            for k in colour:  # what `rest` says of other layers is not computed, under `jit`
                way = rest[k] - layers[k]
                residuals.append(rates[k] * way)
                layers[k] = layers[k] + run.share.astype(way.dtype) * way
        return jax.tree.unflatten(tree, layers), largest(residuals)

    return sweep


def colouring(field: AbstractField, state: State, drive: Drive) -> Colours:
    """The layers of ONE state, by number, in groups that do not hear each other."""
    hears = _hearing(field, state, drive)
    colours: list[list[int]] = []
    for k in range(len(hears)):
        apart = (c for c in colours if not any(j in hears[k] or k in hears[j] for j in c))
        colour = next(apart, None)
        if colour is None:
            colours.append([k])
        else:
            colour.append(k)
    return tuple(map(tuple, colours))


def _hearing(field: AbstractField, state: State, drive: Drive) -> list[set[int]]:
    """For each layer, the layers that its flow is made of, as the traced program tells."""
    layers, tree = jax.tree.flatten(state)
    t = jnp.zeros_like(layers[0], shape=())

    def balanced(*layers):
        return jax.tree.leaves(field.balanced(t, jax.tree.unflatten(tree, layers), drive))

    program = jax.make_jaxpr(balanced)(*layers).jaxpr
    made_of = {variable: {k} for k, variable in enumerate(program.invars)}

    def parts(variables) -> list[set[int]]:
        return [made_of.get(v, set()) if not isinstance(v, Literal) else set() for v in variables]

    for equation in program.eqns:
        everything = set().union(*parts(equation.invars))
        made_of.update(dict.fromkeys(equation.outvars, everything))
    return parts(program.outvars)
