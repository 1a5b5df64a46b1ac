"""Random three-layer linear networks, followed, and fixed points that share their invariants."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from endpoints import METHOD, TOL

import neurodyn as nd
from neurodyn.theory import ThreeLayer

TIMES = np.concatenate([[0.0], np.geomspace(0.01, 300, 60)])
RTOL, ATOL = 1e-10, 1e-12
MAX_TIME = 3e4


class Batch(NamedTuple):
    """Random problems with their starts, one in each row."""

    C: np.ndarray
    sigma_ti: np.ndarray
    sigma_ii: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def draw(rng: np.random.Generator, runs: int, sizes: tuple[int, int, int]) -> Batch:
    """Normal weights, channel and Σ_TI; Σ_II with random axes and eigenvalues in [0.5, 2]."""
    inputs, hidden, outputs = sizes
    axes = np.linalg.qr(rng.standard_normal((runs, inputs, inputs)))[0]
    sigma_ii = (axes * rng.uniform(0.5, 2, (runs, 1, inputs))) @ axes.swapaxes(1, 2)
    return Batch(
        C=rng.standard_normal((runs, hidden, outputs)),
        sigma_ti=rng.standard_normal((runs, outputs, inputs)),
        sigma_ii=(sigma_ii + sigma_ii.swapaxes(1, 2)) / 2,  # exactly symmetric
        lower=rng.standard_normal((runs, hidden, inputs)),
        upper=rng.standard_normal((runs, outputs, hidden)),
    )


def followed(batch: Batch, sizes: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """What changes on the way, (runs, times, …), and where the runs come to rest, (runs,)."""

    def one(C, sigma_ti, sigma_ii, lower, upper):
        flow = nd.linear_flow(sizes, channel=[C], sigma_ti=sigma_ti, sigma_ii=sigma_ii)
        target = jnp.linalg.solve(sigma_ii, sigma_ti.T).T
        path = nd.integrate(flow, (lower, upper), None, TIMES, rtol=RTOL, atol=ATOL).states
        V = jax.vmap(flow.lyapunov)(path)
        (K,) = jax.vmap(flow.invariants)(path)
        rest = nd.settle(flow, None, (lower, upper), tol=TOL, method=METHOD, max_time=MAX_TIME)
        return {
            "size": jnp.linalg.norm(path[0], axis=(1, 2)),
            "V": jnp.linalg.eigvalsh(V),
            "rise": jnp.linalg.eigvalsh(jnp.diff(V, axis=0))[:, -1],
            "drift": jnp.max(jnp.abs(K - K[:1]), axis=(1, 2)),
            "partial": jax.vmap(lambda w: largest(C @ (flow.product(w) - target)))(path),
            "partial at rest": largest(C @ (flow.product(rest.state) - target)),
            "miss": largest(flow.product(rest.state) - target),
            "verdict": rest.verdict,
        }

    found = jax.jit(jax.vmap(one))(*batch)
    verdict = nd.verdict_names(found.pop("verdict"))
    return {**{name: np.asarray(value) for name, value in found.items()}, "verdict": verdict}


def largest(matrix: Any) -> Any:
    """The largest entry in size."""
    return jnp.max(jnp.abs(matrix))


def bounds(batch: Batch) -> np.ndarray:
    """The number that ‖A1‖ never exceeds, for each problem [004 Thm 7]."""
    lists = [[matrix.tolist() for matrix in row] for row in zip(*batch, strict=True)]
    return np.array(
        [ThreeLayer(C, ti, ii).bound(lower, upper) for C, ti, ii, lower, upper in lists]
    )


def square(rng: np.random.Generator, runs: int, n: int) -> dict[str, np.ndarray]:
    """C1 = Σ_TI = Σ_II = Id, n × n [004 Eq 111]: where random starts end, and its kind."""
    flow = nd.linear_flow((n, n, n), channel=[jnp.eye(n)])
    start = tuple(jnp.asarray(rng.standard_normal((runs, n, n))) for _ in range(2))
    rest = nd.settle(flow, None, start, tol=TOL, method=METHOD, max_time=MAX_TIME)
    lin = nd.linearise(flow, rest.state, None)
    path = nd.integrate(flow, start, None, TIMES, rtol=RTOL, atol=ATOL).states
    ends = zip(path, rest.state, strict=True)
    away = [np.max(np.abs(w - end[:, None]), axis=(2, 3)) for w, end in ends]
    return {
        "verdict": nd.verdict_names(rest.verdict),
        "transverse": np.asarray(lin.transverse),
        "neutral": np.asarray(lin.neutral),
        "isolated": np.array([smallest_singular(A) for A in rest.state[0]]),
        "away": np.maximum(*away),
    }


def invariants(A: Any) -> Any:
    """K and V where B = A⁻¹ and C1 = Σ_TI = Σ_II = Id: what all points of one fibre share."""
    B = jnp.linalg.inv(A)
    return B + B.T - A @ A.T, B @ B.T - A - A.T


@jax.jit
def smallest_singular(A: Any) -> Any:
    """Of the derivative of the invariants; above zero, the fixed point is alone in its fibre."""
    tangent = jax.jacfwd(lambda a: jnp.concatenate([x.ravel() for x in invariants(a)]))(A)
    return jnp.linalg.svd(tangent.reshape(-1, A.size), compute_uv=False)[-1]


def circle(angle: Any) -> jax.Array:
    """A circle of 3 × 3 fixed points A = A⁻¹ with the same invariants."""
    return jnp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [jnp.cos(angle), jnp.sin(angle), -1.0]])


def sphere(point: Any) -> jax.Array:
    """The sphere of 4 × 4 complex structures, A² = −Id, that `point`, (3,), of length 1, names."""
    x, y, z = point
    return jnp.array([[0.0, -x, -y, -z], [x, 0.0, -z, y], [y, z, 0.0, -x], [z, -y, x, 0.0]])


def family(points: list[jax.Array]) -> dict[str, Any]:
    """How much the invariants differ over fixed points A, B = A⁻¹, and what linearise says."""
    n = len(points[0])
    flow = nd.linear_flow((n, n, n), channel=[jnp.eye(n)])
    A = jnp.stack(points)
    B = jax.vmap(jnp.linalg.inv)(A)
    lin = nd.linearise(flow, (A, B), None)
    shared = jax.vmap(invariants)(A)
    return {
        "points": len(points),
        "largest distance": float(jnp.max(jnp.linalg.norm(A - A[:1], axis=(1, 2)))),
        "residual": float(jnp.max(nd.residual(flow, (A, B), None))),
        "spread of K and V": float(max(largest(x - x[:1]) for x in shared)),
        "kind": sorted(set(nd.kind_names(lin.kind).tolist())),
        "abscissa": [float(jnp.min(lin.abscissa)), float(jnp.max(lin.abscissa))],
        "transverse": [float(jnp.min(lin.transverse)), float(jnp.max(lin.transverse))],
        "neutral": sorted(set(np.asarray(lin.neutral).tolist())),
        "eigenvalues": np.asarray(lin.eigenvalues[0]),
    }


def pushed(point: jax.Array, size: float, rng: np.random.Generator) -> dict[str, Any]:
    """How far from the fixed point (A, A⁻¹) the flow ends that starts `size` away from it."""
    n = len(point)
    flow = nd.linear_flow((n, n, n), channel=[jnp.eye(n)])
    start = point + size * rng.standard_normal((n, n)), jnp.linalg.inv(point)
    rest = nd.settle(flow, None, start, tol=TOL, method=METHOD, max_time=MAX_TIME)
    end = float(jnp.max(jnp.abs(rest.state[0] - point)))
    return {"verdict": str(nd.verdict_names(rest.verdict)), "ends away": end}
