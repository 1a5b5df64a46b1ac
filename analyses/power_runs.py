"""The chain [1,1,1] with a power inside: random runs, stalls, and learning without f′."""

from fractions import Fraction
from typing import Any, NamedTuple

import diffrax
import endpoints
import jax
import jax.numpy as jnp
import numpy as np
from endpoints import METHOD, TOL, Comparison

import neurodyn as nd
from neurodyn.theory import PowerChain

POWERS = (Fraction(1, 3), Fraction(1), Fraction(2), Fraction(5, 2), Fraction(3))
MAX_TIME = 1e4
STALL_TIMES = np.concatenate([[0.0], np.geomspace(0.1, 2000, 60)])
DRIFT_TO, COLLAPSE_END = 12.0, 1e4  # the a1, about, and the time at which a run is ended
START = (0.5, 0.25)


def with_derivative(rng: np.random.Generator, runs: int, mu: Fraction) -> Comparison:
    """c1, α, β in [0.2, 1.5], a1(0) in [0.1, 1.5], a2(0) in [−1.5, 1.5]."""
    c1, alpha, beta = (endpoints.tenths(rng, 0.2, 1.5, runs) for _ in range(3))
    start = np.column_stack(
        [endpoints.tenths(rng, 0.1, 1.5, runs), endpoints.tenths(rng, -1.5, 1.5, runs)]
    )

    def one(c1, alpha, beta, start):
        flow = nd.power_chain_flow(float(mu), c1, alpha, beta)
        return nd.settle(flow, None, start, tol=TOL, method=METHOD, max_time=MAX_TIME)

    given = (c1, alpha, beta, start)
    found = jax.jit(jax.vmap(one))(*(tenths / 10 for tenths in given))
    rows = zip(*map(endpoints.exact, given), strict=True)
    ends = [PowerChain(mu, c1, alpha, beta).limit(a0) for c1, alpha, beta, a0 in rows]
    return endpoints.compare(
        found,
        found.state,
        [end.n(17) for end in ends],
        [end.kind for end in ends],
        [end.rate for end in ends],
    )


class Stall(NamedTuple):
    """A run of μ = 3 that does not learn: `path` of a1 at `STALL_TIMES`, and what is known."""

    verdict: str
    certified: str
    path: np.ndarray
    a2: float
    limit_a2: float


def stall(c1: int, start: tuple[Fraction, Fraction]) -> Stall:
    """μ = 3, α = β = 1 from a start, or with a c1, outside the hypotheses of Theorem 12."""
    end = PowerChain(3, c1, 1, 1).limit(start)
    flow, at = nd.power_chain_flow(3, c1, 1.0, 1.0), jnp.array([float(a) for a in start])
    run = nd.integrate(flow, at, None, STALL_TIMES, rtol=1e-11, atol=1e-15).states
    rest = nd.settle(flow, None, at, tol=TOL, method=METHOD, max_time=MAX_TIME)
    return Stall(
        verdict=str(nd.verdict_names(rest.verdict)),
        certified=end.kind,
        path=np.asarray(run[:, 0]),
        a2=float(run[-1, 1]),
        limit_a2=float(end.n(17)[1]),
    )


def crossing() -> dict[str, Any]:
    """μ = 1/3 from a1 = −1/2: it reaches 0 in finite time with infinite slope, and goes on."""
    flow, start = nd.power_chain_flow(1 / 3, 1.0, 1.0, 1.0), jnp.array([-0.5, 0.25])
    end = PowerChain("1/3", 1, 1, 1).limit(("-1/2", "1/4"))
    rest = nd.settle(flow, None, start, tol=TOL, method=METHOD)
    return {
        "verdict": str(nd.verdict_names(rest.verdict)),
        "gap": float(np.max(np.abs(np.asarray(rest.state) - np.array(end.n(17), float)))),
        "certified": end.kind,
        "certified to cross": end.crossed,
    }


class Run(NamedTuple):
    """Learning by Eq 113 from one data set; `slope` and `growth` are those that are expected.

    **Fields:** the `ts`, the weights `a1` and `a2` and `w` = a2 a1³ there; `optimum` = α/β and
    `other` = γ/δ; `slope` of a1 if it drifts, `growth` of a2² if a1 collapses.
    """

    verdict: str
    ts: np.ndarray
    a1: np.ndarray
    a2: np.ndarray
    w: np.ndarray
    optimum: float
    other: float
    slope: float
    growth: float

    @property
    def drifts(self) -> bool:
        """γ/δ > α/β: a1 grows for ever; else it collapses."""
        return self.other > self.optimum

    @property
    def expected(self) -> float:
        """The limit of w."""
        return self.optimum if self.drifts else self.other

    @property
    def ratio(self) -> np.ndarray:
        """The speed of what grows, a1 or a2², over what is expected of it, between the times."""
        grown, speed = (self.a1, self.slope) if self.drifts else (self.a2**2, self.growth)
        return np.diff(grown) / (speed * np.diff(self.ts))


def without_derivative(inputs: Any, targets: Any) -> Run:
    """Eq 113 with μ = 3, c1 = 1 for a data set, followed until its asymptotics show."""
    m = nd.moments(inputs, targets, 3)
    optimum, other = m["alpha"] / m["beta"], m["gamma"] / m["delta"]
    slope = m["gamma"] - m["delta"] * optimum
    end = DRIFT_TO / slope if slope > 0 else COLLAPSE_END
    ts = np.concatenate([[0.0], np.geomspace(1e-2, end, 80)])
    flow = nd.power_chain_flow(3, 1.0, **m, feedback="no_derivative")
    # both are stiff; where a1 drifts, a2 follows so fast that Kvaerno5 runs out of steps
    how: dict[str, Any] = {"solver": diffrax.Kvaerno5()}
    if slope > 0:
        how = {"backend": "scipy", "solver": "LSODA"}
    run = nd.integrate(flow, jnp.array(START), None, ts, rtol=1e-10, atol=1e-13, **how)
    a1, a2 = np.asarray(run.states).T
    return Run(
        verdict=str(nd.verdict_names(run.verdict)),
        ts=ts,
        a1=a1,
        a2=a2,
        w=a2 * a1**3,
        optimum=optimum,
        other=other,
        slope=slope,
        growth=2 * other * (m["alpha"] - m["beta"] * other),
    )


def data_sets(rng: np.random.Generator, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Three inputs in [0.5, 2] with targets uI^p, u in [0.5, 1.5] each and p in [1, 5]."""
    sets = []
    for _ in range(count):
        inputs, scales = rng.uniform(0.5, 2, 3), rng.uniform(0.5, 1.5, 3)
        sets.append((inputs, scales * inputs ** rng.uniform(1, 5)))
    return sets


def realizable(rng: np.random.Generator, runs: int) -> dict[str, Any]:
    """Targets T = kI³, k in [0.2, 2]: without the derivative learning comes to rest at w = k."""
    inputs, k = rng.uniform(0.5, 2, (runs, 3)), rng.uniform(0.2, 2, runs)
    given = [nd.moments(x, factor * x**3, 3) for x, factor in zip(inputs, k, strict=True)]
    moments = {name: np.array([m[name] for m in given]) for name in given[0]}

    def one(moments):
        flow = nd.power_chain_flow(3, 1.0, **moments, feedback="no_derivative")
        rest = nd.settle(flow, None, jnp.array(START), tol=TOL, method=METHOD, max_time=MAX_TIME)
        return rest.ok, flow.product(rest.state)

    settled, w = jax.jit(jax.vmap(one))(moments)
    return {
        "runs": runs,
        "settled": int(settled.sum()),
        "worst gap of w": float(np.max(np.abs(np.asarray(w) - k))),
    }
