"""The costate λ of a fixed point, Jᵀλ = −∂C/∂s [003 Eq 32]: by sweeps where they may judge as well.

A sweep sets each layer of λ to what solves its own rows while the others stand still, colour by
colour as in `sweep.py`, and costs one product with Jᵀ.

**How sweeps judge.** With two colours and one λ for all, a sweep multiplies each mode of what is
missing by its ν, and the flow has the eigenvalues −λ(1 ± √ν). Of a mode that does not attract, and
where J is singular, |ν| ≥ 1: what is missing of it stays, or grows. So where sweeps get rid of
*noise*, of which every mode has its share, all modes attract. The right side ∂C/∂s would not tell,
since it may leave a mode alone. Nets of more colours, or of several rates, are judged by Arnoldi's
method, and so are those where sweeps do not come to an end.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, PyTree

from ..aliases import Scalar, State
from ..batching import in_turn, over_batch
from ..field import AbstractField, is_concrete, largest
from ..sweep import Colours, colouring
from .adjoint import AdjointFlow, Sample, Solved, by_factors, by_products, residual_at

Flag = Bool[Array, ""]

SWEEPS = 100
"""Sweeps in one round, at most: more would cost as much as the other way."""

ROUNDS = 8
"""Rounds, each of which leaves a ten-thousandth or less of what is missing."""

SINGLE = 8e-5
"""What a round leaves at best: what can be done in float32, with digits to spare."""

RUNAWAY = 1e4
"""The growth at which sweeps give up."""

SEEN = 0.03
"""Noise is gone at this part of 1/√n. A mode has 1/√n of it or so, and 1 % of that by bad luck."""


def solve_adjoint(
    adjoint: AdjointFlow, sample: Sample, rtol: Scalar, dense: bool, batch: int | None
) -> Solved:
    """λ of every sample, and a judgement of its fixed point: by LU, by sweeps or by GMRES.

    Sweeps count if they end for all samples of the batch; else all are solved and judged anew,
    which is compiled when it is needed first, and under `jit` at once.
    """
    if dense:
        return _factored(adjoint, sample, batch)
    swept, sound = by_sweeps(adjoint, sample, rtol, batch)
    if is_concrete(sound):
        return swept if sound else _multiplied(adjoint, sample, rtol, batch)
    return jax.lax.cond(
        sound, lambda _: swept, lambda one: _multiplied(adjoint, one, rtol, batch), sample
    )


@eqx.filter_jit
def _factored(adjoint, sample, batch):
    return in_turn(lambda _, one: by_factors(adjoint, one), batch)(None, sample)


@eqx.filter_jit
def _multiplied(adjoint, sample, rtol, batch):
    return over_batch(lambda _, one: by_products(adjoint, one, rtol), batch)(None, sample)


@eqx.filter_jit
def by_sweeps(adjoint, sample, rtol, batch):
    """What sweeps make of a batch, and whether it counts; where they may not judge, the rest."""
    colours = two_colours(adjoint.field)
    if colours is None:
        return _multiplied(adjoint, sample, rtol, batch), jnp.ones((), bool)

    def one(_, sample):
        return _of_one(adjoint, sample, rtol, colours)

    swept, sound = over_batch(one, batch)(None, sample)
    return swept, sound.all()


def two_colours(field: AbstractField) -> Colours | None:
    """The colours of the layers of a field that tells its leak, if they are not more than two."""
    if field.leak() is None:
        return None
    state, inputs = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), field.shapes())
    colours = colouring(field, state, field.drive(inputs))
    return colours if len(colours) <= 2 else None


def _of_one(
    adjoint: AdjointFlow, sample: Sample, rtol: Scalar, colours: Colours
) -> tuple[Solved, Flag]:
    """λ of ONE sample, in rounds of sweeps in float32, and whether they solve and judge it."""
    pullback, slope = adjoint.drive(sample)
    size = largest(slope)
    size = jnp.where(size > 0, size, 1)  # where nothing is asked for, λ = 0
    slope = jax.tree.map(lambda c: c / size, slope)
    rate, even = _one_rate(adjoint, pullback, colours)
    narrow, start = _in_single(adjoint, sample)
    quick, _ = narrow.drive(start)

    def swept(missing, tol):
        missing = jax.tree.map(lambda m, s: m.astype(s.dtype), missing, start.state)
        return _swept(quick, missing, rate, colours, tol)

    noise = _noise(slope)
    n = sum(leaf.size for leaf in jax.tree.leaves(noise))
    _, attracts = swept(noise, jnp.where(even, SEEN / n**0.5, jnp.inf))
    sound = even & attracts

    def unfinished(run):
        _, missing, rounds = run
        return sound & ~(largest(missing) <= rtol) & (rounds < ROUNDS)

    def further(run):
        costate, missing, rounds = run
        missed = largest(missing)
        enough = jnp.where(sound, jnp.maximum(rtol / missed, SINGLE), jnp.inf)
        step, _ = swept(jax.tree.map(lambda m: m / missed, missing), enough)
        costate = jax.tree.map(lambda c, s: c + missed * s.astype(c.dtype), costate, step)
        missing = jax.tree.map(jnp.add, pullback(costate)[0], slope)
        return costate, missing, rounds + 1

    nothing = jax.tree.map(jnp.zeros_like, slope), slope, jnp.zeros((), int)
    costate, missing, _ = jax.lax.while_loop(unfinished, further, nothing)
    missed, no = largest(missing), jnp.zeros((), bool)
    solved = Solved(
        costate=jax.tree.map(lambda c: c * size, costate),
        residual=residual_at(adjoint, sample),
        missed=missed,
        abscissa=jnp.zeros_like(missed),
        singular=no,
        unstable=no,
    )
    return solved, sound & (missed <= rtol)


def _swept(
    pullback: Callable, slope: State, rate: Scalar, colours: Colours, tol: Scalar
) -> tuple[State, Flag]:
    """λ with Jᵀλ + slope = 0 to `tol`, swept from zero, and whether that was reached."""
    slopes, tree = jax.tree.flatten(slope)
    rate, tol = rate.astype(slopes[0].dtype), tol.astype(slopes[0].dtype)

    def unfinished(run):
        _, change, sweeps = run
        return ~(change <= tol) & (change <= RUNAWAY) & (sweeps < SWEEPS)  # ends for NaN

    def sweep(run):
        layers, changes = jax.tree.leaves(run[0]), []
        for colour in colours:
            back = jax.tree.leaves(pullback(jax.tree.unflatten(tree, layers))[0])
            for k in colour:  # what is not used of the product is not computed, under `jit`
                changes.append(back[k].astype(slopes[k].dtype) + slopes[k])
                layers[k] = layers[k] + changes[-1] / rate
        return jax.tree.unflatten(tree, layers), largest(changes), run[2] + 1

    start = jax.tree.map(jnp.zeros_like, slope), jnp.full_like(tol, RUNAWAY), jnp.zeros((), int)
    costate, change, _ = jax.lax.while_loop(unfinished, sweep, start)
    return costate, change <= tol


def _one_rate(adjoint: AdjointFlow, pullback: Callable, colours: Colours) -> tuple[Scalar, Flag]:
    """λ, and whether that is all that layers of one colour feel of themselves, each the same.

    Tried on noise: time constants and walls may change what the leak of the field says.
    """
    noise, tree = jax.tree.flatten(_noise(adjoint.shapes()[0]))
    rates = jax.tree.leaves(adjoint.leak())
    rate = jnp.max(rates[0])
    off = [jnp.max(jnp.abs(other - rate)) for other in rates]
    for colour in colours:
        alone = [v if k in colour else jnp.zeros_like(v) for k, v in enumerate(noise)]
        back = jax.tree.leaves(pullback(jax.tree.unflatten(tree, alone))[0])
        off += [jnp.max(jnp.abs(back[k] + rate * noise[k])) for k in colour]
    return rate, (largest(off) <= jnp.sqrt(jnp.finfo(rate.dtype).eps) * rate) & (rate > 0)


def _noise(like: PyTree) -> State:
    """Normal numbers for each array, always the same ones."""
    leaves, tree = jax.tree.flatten(like)
    pairs = zip(jax.random.split(jax.random.key(0), len(leaves)), leaves, strict=True)
    return jax.tree.unflatten(tree, [jax.random.normal(k, v.shape, v.dtype) for k, v in pairs])


def _in_single(adjoint: AdjointFlow, sample: Sample) -> tuple[AdjointFlow, Sample]:
    """Both in float32 where they are in float64, if the field says that it computes in it then."""

    def narrow(leaf):
        wide = eqx.is_array(leaf) and leaf.dtype == jnp.float64
        return leaf.astype(jnp.float32) if wide else leaf

    single, given = jax.tree.map(narrow, (adjoint, sample))
    pairs = zip(jax.tree.leaves(single.shapes()[0]), jax.tree.leaves(given.state), strict=True)
    return (single, given) if all(a.dtype == b.dtype for a, b in pairs) else (adjoint, sample)
