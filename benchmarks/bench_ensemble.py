"""`python -m pytest benchmarks/bench_ensemble.py`: 10,000 starts of a chain, ensemble and basins.

The time is stored with the steps, the largest residual, the verdicts and the agreement with the
exact basin, so that a faster run that settles less cannot pass for progress.
"""

import collections

import jax
import numpy as np

import neurodyn as nd

from .ensemble import TOL, flow, judged, starts

jax.config.update("jax_enable_x64", True)


GROUP = f"10,000 starts of the chain [1,1,1], max |μ| ≤ {TOL:g}"


def test_ensemble(benchmark):
    a = starts(10_000)

    def run():
        return jax.block_until_ready(nd.ensemble(flow(), a, tol=TOL))

    benchmark.group = GROUP
    found = benchmark.pedantic(run, rounds=3, warmup_rounds=1)  # the warm-up compiles
    told = judged(a, np.asarray(found.state))
    benchmark.extra_info.update(steps=int(found.steps.max()), verdict=found.counts(), **told)
    assert found.counts() == {"settled": 10_000} and told["agree"] >= 0.9999


def test_basins(benchmark):
    a = starts(10_000)

    def run():
        return nd.basins(flow(), a, tol=TOL)

    benchmark.group = GROUP
    found = benchmark.pedantic(run, rounds=3, warmup_rounds=1)  # the warm-up compiles
    # a Basins keeps no steps: those of the same method on the same starts
    steps = np.asarray(nd.settle(flow(), None, a, tol=TOL, method=nd.Relax(accuracy=1e-6)).steps)
    benchmark.extra_info.update(
        steps=int(steps.max()),
        verdict=dict(collections.Counter(found.verdict.tolist())),
        attractors=len(found.attractors),
        **judged(a, found.end),
    )
    assert set(found.verdict) == {"settled"} and len(found.attractors) == 2
    assert judged(a, found.end)["agree"] >= 0.9999
