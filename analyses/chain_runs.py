"""Random linear chains: drawn, followed to rest and certified, and the cases that go wrong."""

import functools
from typing import Any, NamedTuple

import endpoints
import jax
import jax.numpy as jnp
import numpy as np
from endpoints import METHOD, TOL, Comparison

import neurodyn as nd
from neurodyn.systems.chain import ChainFeedback
from neurodyn.theory import Chain

MAX_TIME = 1e4
TIMES = np.concatenate([[0.0], np.geomspace(0.1, 1000, 81)])
TANGENCY = {10: -1.059339689726097, 1000: -1.0006651843423866}  # a1(t) from (−2, 1/2)


class Draws(NamedTuple):
    """Chains and starts in tenths: `c`, (runs, L − 1); `alpha` and `beta`, (runs,); `start`."""

    c: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    start: np.ndarray


def draw(rng: np.random.Generator, runs: int, length: int) -> Draws:
    """|c_i| in [0.2, 1.5], |α| and β in [0.2, 2], weights in [−1.5, 1.5]."""
    return Draws(
        c=endpoints.signed_tenths(rng, 0.2, 1.5, (runs, length - 1)),
        alpha=endpoints.signed_tenths(rng, 0.2, 2, runs),
        beta=endpoints.tenths(rng, 0.2, 2, runs),
        start=endpoints.tenths(rng, -1.5, 1.5, (runs, length)),
    )


def settled(draws: Draws, feedback: ChainFeedback = "random", top: int = 1) -> nd.Settled:
    """Every chain followed to rest, in one compiled solve."""
    return _settled(*(tenths / 10 for tenths in draws), float(top), feedback=feedback)


@functools.partial(jax.jit, static_argnames="feedback")
def _settled(c, alpha, beta, start, top, feedback):
    def one(c, alpha, beta, start):
        flow = nd.chain_flow(c, alpha, beta, top=top, feedback=feedback)
        return nd.settle(flow, None, start, tol=TOL, method=METHOD, max_time=MAX_TIME)

    return jax.vmap(one)(c, alpha, beta, start)


def certified(draws: Draws, top: int = 1) -> list[Any]:
    """The exact end of every chain."""
    rows = zip(*map(endpoints.exact, draws), strict=True)
    return [Chain(c, alpha, beta, top).limit(start) for c, alpha, beta, start in rows]


def against_certified(draws: Draws, top: int = 1) -> Comparison:
    """The draws followed to rest beside their exact ends."""
    found, ends = settled(draws, top=top), certified(draws, top)
    nowhere = (np.nan,) * draws.start.shape[1]
    return endpoints.compare(
        found,
        found.state,
        [nowhere if end.kind == "diverges" else end.n(17) for end in ends],
        [end.kind for end in ends],
        [end.rate_n(17) for end in ends],
    )


def unstable_starts(rng: np.random.Generator, runs: int, length: int) -> dict[str, Any]:
    """Starts on the unstable side of α = βP, β = 1: at rest, as only `linearise` can tell."""
    drawn = draw(rng, 8 * runs, length)
    starts = endpoints.exact(drawn.start)
    chains = [
        Chain(endpoints.exact(c), np.prod(a), 1) for c, a in zip(drawn.c, starts, strict=True)
    ]
    ends: list[Any] = [chain.limit(a) for chain, a in zip(chains, starts, strict=True)]
    chosen = [i for i, end in enumerate(ends) if end.kind == "unstable"][:runs]

    def one(c, start):
        flow = nd.chain_flow(c, jnp.prod(start), 1.0)
        return nd.settle(flow, None, start, tol=TOL), nd.linearise(flow, start, None)

    found, lin = jax.jit(jax.vmap(one))(drawn.c[chosen] / 10, drawn.start[chosen] / 10)
    rates = np.array([float(ends[i].rate_n(17)) for i in chosen])
    return {
        "starts": len(chosen),
        "settled": int(found.ok.sum()),
        "repelling": int((np.asarray(lin.transverse) > 0).sum()),
        "worst rate gap": float(np.max(np.abs(np.asarray(lin.transverse) / rates - 1))),
    }


def slow_approaches() -> dict[str, np.ndarray]:
    """|a_1 − its limit| at `TIMES`: an ordinary approach, a tangency and a triple root."""
    cases = {
        "ordinary": ((0.3, -1.2), 1.0, 1.8844882776018335),
        "tangency": ((-2.0, 0.5), 1.0, -1.0),
        "α = 0": ((0.5, 0.125), 0.0, 0.0),
    }
    paths = {}
    for name, (start, alpha, limit) in cases.items():
        flow = nd.chain_flow((1.0,), alpha, 1.0)
        run = nd.integrate(flow, jnp.array(start), None, TIMES, rtol=1e-11, atol=1e-13)
        paths[name] = np.abs(np.asarray(run.states[:, 0]) - limit)
    return paths


def tangency() -> dict[str, float | str]:
    """From (−2, 1/2), c = α = β = 1: da_1/dt ≈ (3/2)(a_1 + 1)², so that a_1 + 1 ≈ −2/(3t)."""
    flow, start = nd.chain_flow((1.0,), 1.0, 1.0), jnp.array([-2.0, 0.5])
    run = nd.integrate(flow, start, None, [0.0, *TANGENCY], rtol=1e-12, atol=1e-13)
    golden = np.array(list(TANGENCY.values()))
    rest = nd.settle(flow, None, start, tol=TOL, method=METHOD, max_time=1000.0)
    return {
        "verdict": str(nd.verdict_names(rest.verdict)),
        "a1(1000)": float(run.states[2, 0]),
        "gap to golden": float(np.max(np.abs(np.asarray(run.states[1:, 0]) - golden))),
        "distance times t": float(1000 * (-1 - run.states[2, 0])),
    }


def triple_root() -> dict[str, Any]:
    """From (1/2, 1/8), c = β = 1, α = 0: a_1 = 1/√(4 + t)."""
    flow, start = nd.chain_flow((1.0,), 0.0, 1.0), jnp.array([0.5, 0.125])
    run = nd.integrate(flow, start, None, [0.0, 200.0], rtol=1e-12, atol=1e-13)
    rest = nd.settle(flow, None, start, tol=TOL, method=METHOD, max_time=1000.0)
    return {
        "verdict": str(nd.verdict_names(rest.verdict)),
        "gap at t = 200": abs(float(run.states[1, 0]) - 204**-0.5),
    }


def without_limit() -> dict[str, Any]:
    """c_2 = 0 and a_2(0) = 0 (L = 3): P stays 0 and a_1 = 1/2 + t for ever, no fixed point."""
    flow, start = nd.chain_flow((1.0, 0.0), 1.0, 1.0), jnp.array([0.5, 0.0, 3.0])
    rest = nd.settle(flow, None, start, tol=TOL, method=METHOD, max_time=1000.0)
    return {
        "verdict": str(nd.verdict_names(rest.verdict)),
        "certified": Chain((1, 0), 1, 1).limit(("1/2", 0, 3)).kind,
        "a1(1000)": float(rest.state[0]),
    }


def one_frozen(rng: np.random.Generator, runs: int, length: int) -> Draws:
    """Draws in which one random weight is zero, and the weight that it freezes is not."""
    drawn = draw(rng, runs, length)
    which, rows = rng.integers(0, length - 1, runs), np.arange(runs)
    drawn.c[rows, which] = 0
    drawn.start[rows, which] = endpoints.signed_tenths(rng, 0.2, 1.5, runs)
    return drawn


def silent_inputs(rng: np.random.Generator, runs: int, length: int) -> Draws:
    """Draws with β = 0 and α ≠ 0, as no data have."""
    drawn = draw(rng, runs, length)
    return drawn._replace(beta=np.zeros_like(drawn.beta))
