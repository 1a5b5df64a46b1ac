"""`python -m pytest benchmarks`: `neurodyn.settle`, its time beside the work and the verdict.

Every time is stored with the steps, the evaluations of μ, the largest true residual and the share
of samples that settled, so that a faster run that settles less cannot pass for progress.
"""

import jax
import numpy as np
import pytest

import neurodyn as nd

from .problem import TOLERANCES, images, is_settled, problem, residuals

jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize("batch", [1, 20, 256])
@pytest.mark.parametrize("dtype", list(TOLERANCES))
@pytest.mark.parametrize("activation", ["hard_sigmoid", "tanh"])
def test_settle(benchmark, activation, dtype, batch):
    case = problem(activation, dtype, batch)

    def run():
        return jax.block_until_ready(nd.settle(case.field, case.inputs, tol=case.tol))

    benchmark.group = f"{activation}, {dtype}, max |μ| ≤ {case.tol:g}"
    settled = benchmark.pedantic(run, rounds=3, warmup_rounds=1)  # the warm-up compiles
    shares = is_settled(case, settled.state)
    benchmark.extra_info.update(
        images=images(batch)[1],
        steps=int(settled.steps.max()),
        evaluations=int(settled.evaluations.max()),
        residual=float(residuals(case, settled.state).max()),
        settled=float(np.mean(shares)),
    )
    assert shares.all() and settled.ok.all(), settled.counts()
