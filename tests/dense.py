"""Dense second methods for what neurodyn does matrix-free: Newton's fixed points, exact descent."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import neurodyn as nd
from neurodyn.linearise import dense_jacobian
from neurodyn.resting import residual_of


def joined(tree) -> np.ndarray:
    return np.asarray(ravel_pytree(tree)[0])


def cosine(a, b) -> float:
    a, b = joined(a), joined(b)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


class Newton(nd.AbstractMethod):
    """Plain Newton steps: soon compiled, and another way to the fixed points than the flow."""

    def settle_one(self, field, state, drive, tol, max_time):
        flat, unravel = ravel_pytree(state)

        def step(_, s):
            mu = ravel_pytree(field.flow(jnp.zeros(()), unravel(s), drive))[0]
            return s - jnp.linalg.solve(dense_jacobian(field, unravel(s), drive), mu)

        end = unravel(jax.lax.fori_loop(0, 20, step, flat))
        residual = residual_of(field, end, drive)
        verdict = nd.Verdict.where(residual <= tol, nd.Verdict.settled, nd.Verdict.timed_out)
        count = jnp.asarray(20)
        return nd.Settled(end, residual, jnp.zeros_like(residual), count, count, verdict)


FAST = {"method": Newton(), "tol": 1e-13}


@eqx.filter_jit
def descent(net, cost, state, x, y):
    """−∂J/∂θ of ONE sample, dense: Jᵀλ = −∂C/∂s, then −(∂μ/∂θ)ᵀλ [003 Eq 32]."""
    flat, unravel = ravel_pytree(state)

    def mu(net, s):
        return ravel_pytree(net(0.0, unravel(s), x))[0]

    jacobian = jax.jacfwd(lambda s: mu(net, s))(flat)
    pull = jax.grad(lambda s: cost(net.read(unravel(s)), y))(flat)
    costate = jnp.linalg.solve(jacobian.T, -pull)
    return eqx.filter_grad(lambda net: -mu(net, flat) @ costate)(net)


def order(errors) -> float:
    """The power of β that the errors at β and β/2 tell."""
    return float(np.log2(errors[0] / errors[1]))


def drawn(*sizes, gain=1.0, seed=0) -> tuple[jax.Array, ...]:
    """Random matrices from each of `sizes` to the next, with rows of about the size `gain`."""
    rng, pairs = np.random.default_rng(seed), zip(sizes[1:], sizes, strict=False)
    return tuple(jnp.asarray(gain * rng.standard_normal(p) / np.sqrt(p[1])) for p in pairs)
