"""The adjoint of a field: how a cost at the end is felt by every number of the state.

    [003 Eq 32]  Jᵀλ = −∂C/∂s                 at a fixed point, J = ∂μ/∂s
    [003 Eq 46]  dλ/dt = Jᵀλ + ∂C/∂s          settles to that λ, from zero; λ = ∫ ∂L/∂s dt
    [003 Eq 44]  dp/dt = J(s(T − t))ᵀ p       along a trajectory, p(0) = ∂C/∂s at its end

The first is solved here, and judged: by LU and the whole spectrum, or by products with Jᵀ alone.
The next file does it faster where the field tells its leak.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Float, PyTree

from ..aliases import Drive, FlagPerSample, Inputs, PerSample, Scalar, State, Time
from ..cost import AbstractCost
from ..field import AbstractField, largest
from ..linearise import dense_jacobian
from ..resting import residual_of

KRYLOV = 40
"""Products with Jᵀ that go into an estimate of the rightmost eigenvalue."""


class Sample(NamedTuple):
    """What an adjoint is driven by: the state, the inputs x and the target y of one sample."""

    state: State
    x: Inputs
    y: Float[Array, "..."]


class AdjointFlow(AbstractField):
    """dλ/dt = (∂μ/∂s)ᵀ λ + ∂C/∂s: recurrent backpropagation as a flow [003 Eq 46, Cor 7].

    The inputs are a `Sample`, whose state is a fixed point of `field`; the state is λ, shaped like
    it. It settles exactly where the fixed point attracts, to Jᵀλ = −∂C/∂s.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> one = nd.LeakyIntegrator(weights=jnp.zeros((1, 1)), activation=nd.identity)
    >>> adjoint = AdjointFlow(one, nd.SquaredError())
    >>> sample = Sample(jnp.array([3.0]), jnp.array([3.0]), jnp.array([1.0]))
    >>> nd.settle(adjoint, sample, jnp.array([2.0]), tol=1e-5).state.tolist()  # s − y
    [2.0]
    """

    field: AbstractField
    cost: AbstractCost

    def __check_init__(self):
        if not isinstance(self.field, AbstractField):
            raise TypeError(f"net is of type {type(self.field).__name__}: give a field.")
        if not isinstance(self.cost, AbstractCost):
            raise TypeError(f"cost is {self.cost!r}: give an object, such as SquaredError().")

    def shapes(self) -> tuple[PyTree, PyTree]:
        state, inputs = self.field.shapes()
        target = jax.eval_shape(lambda s: self.cost.output(self.field.read(s)), state)
        return state, Sample(state, inputs, target)

    def drive(self, inputs: Sample, /) -> Drive:
        state, x, y = inputs
        drive, t = self.field.drive(x), _zero(state)
        _, pullback = jax.vjp(lambda s: self.field.flow(t, s, drive), state)
        return pullback, jax.grad(lambda s: self.cost(self.field.read(s), y))(state)

    def leak(self) -> State | None:
        return self.field.leak()  # the blocks on the diagonal of Jᵀ are those of J

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        pullback, slope = drive
        (back,) = pullback(state)
        return jax.tree.map(jnp.add, back, slope)


class Solved(NamedTuple):
    """λ of each sample, and what speaks for or against it.

    `residual` of the fixed point itself; `missed`, the largest entry of |Jᵀλ + ∂C/∂s| relative to
    that of ∂C/∂s; `abscissa`, the largest real part of the eigenvalues, or what is known of it
    from below (zero from sweeps: it is less); `singular` and `unstable`, by these eigenvalues.
    """

    costate: State
    residual: PerSample
    missed: PerSample
    abscissa: PerSample
    singular: FlagPerSample
    unstable: FlagPerSample


def by_factors(adjoint: AdjointFlow, sample: Sample) -> Solved:
    """λ of ONE sample by LU, judged by all eigenvalues."""
    jacobian = dense_jacobian(adjoint.field, sample.state, adjoint.field.drive(sample.x))
    _, slope = adjoint.drive(sample)
    flat, unravel = jax.flatten_util.ravel_pytree(slope)
    costate = unravel(jnp.linalg.solve(jacobian.T, -flat))
    eigenvalues = jnp.linalg.eigvals(jacobian)
    known = eigenvalues, jnp.zeros_like(eigenvalues.real)
    rounding = jnp.finfo(flat.dtype).eps * len(jacobian) * jnp.linalg.norm(jacobian)
    return _judged(adjoint, sample, costate, known, rounding)


def by_products(adjoint: AdjointFlow, sample: Sample, rtol: Scalar) -> Solved:
    """λ of ONE sample by GMRES, judged by what Arnoldi's method sees of the eigenvalues.

    GMRES and not BiCGStab, which is faster on nearly singular nets, but was measured to break down
    on strong skew ones: those that are left to this function, since sweeps run away on them.
    """
    pullback, slope = adjoint.drive(sample)
    known = ritz_values(pullback, sample.state)
    # one after the other: see `in_turn` on decompositions of a batch that run at once
    done = jnp.isfinite(known[0][0].real)
    ordered = jax.tree.map(lambda c: jnp.where(done, c, jnp.nan), slope)
    costate = _by_krylov(pullback, ordered, rtol)
    return _judged(adjoint, sample, costate, known, jnp.zeros_like(rtol))


def _judged(
    adjoint: AdjointFlow, sample: Sample, costate: State, known: tuple[Any, Any], rounding: Scalar
) -> Solved:
    """`costate`, and what the eigenvalues, `known` with their doubt, say of the fixed point."""
    (values, doubt), residual = known, residual_at(adjoint, sample)
    # what rounding, or a state known to its residual, may make of an eigenvalue that is zero
    width = jnp.maximum(jnp.maximum(rounding, residual), jnp.sqrt(jnp.finfo(residual.dtype).eps))
    abscissa = jnp.max(values.real - doubt)
    _, slope = drive = adjoint.drive(sample)
    off = largest(adjoint.flow(_zero(costate), costate, drive))
    return Solved(
        costate=costate,
        residual=residual,
        missed=jnp.where(off == 0, 0, off / largest(slope)),
        abscissa=abscissa,
        singular=jnp.min(jnp.abs(values) + doubt) <= width,
        unstable=~(abscissa < -width),  # true for NaN as well
    )


def residual_at(adjoint: AdjointFlow, sample: Sample) -> Scalar:
    """max |μ| of the fixed point, not of the adjoint."""
    return residual_of(adjoint.field, sample.state, adjoint.field.drive(sample.x))


def _zero(state: State) -> Scalar:
    return jnp.zeros_like(jax.tree.leaves(state)[0], shape=())


def _by_krylov(pullback: Callable, slope: State, rtol: Scalar) -> State:
    structure = jax.eval_shape(lambda s: s, slope)
    operator = lx.FunctionLinearOperator(lambda v: pullback(v)[0], structure)
    tolerance: Any = rtol / 2  # traced, so that another one compiles nothing anew
    gmres = lx.GMRES(rtol=tolerance, atol=tolerance * largest(slope), norm=largest)
    right = jax.tree.map(jnp.negative, slope)
    return lx.linear_solve(operator, right, gmres, throw=False).value


def ritz_values(
    pullback: Callable, state: State
) -> tuple[Float[Array, " k"] | Any, Float[Array, " k"]]:
    """(eigenvalues of J as Arnoldi's method knows them, in how much doubt each is).

    At most `KRYLOV` products with Jᵀ, from one fixed random direction. Where J is normal there is
    an eigenvalue within the doubt of each value; the outermost ones are found first.
    """
    flat, unravel = jax.flatten_util.ravel_pytree(state)
    steps, epsilon = min(KRYLOV, flat.size), jnp.finfo(flat.dtype).eps
    noise = jax.random.normal(jax.random.key(0), (steps + 1, flat.size), flat.dtype)
    noise = noise / jnp.linalg.norm(noise, axis=1, keepdims=True)

    def expand(basis, k):
        product = jax.flatten_util.ravel_pytree(pullback(unravel(basis[k]))[0])[0]
        shares = basis @ product
        # rounding-size noise leads out of an invariant subspace in a fresh direction
        rest = product - shares @ basis + epsilon * jnp.linalg.norm(product) * noise[k + 1]
        length = jnp.linalg.norm(rest)
        for _ in range(2):
            rest = rest / jnp.linalg.norm(rest)
            rest = rest - (basis @ rest) @ basis
        rest = rest / jnp.linalg.norm(rest)
        return basis.at[k + 1].set(rest), shares.at[k + 1].set(length)

    basis = jnp.zeros_like(noise).at[0].set(noise[0])
    _, rows = jax.lax.scan(expand, basis, jnp.arange(steps))
    values, vectors = jnp.linalg.eig(rows[:, :-1].T)  # column k is the product with basis[k]
    return values, jnp.abs(rows[-1, -1]) * jnp.abs(vectors[-1])
