"""SciPy's RK45 until rest: one sample after another, μ in plain NumPy."""

import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

from .problem import Problem, Run

SAMPLES = 8  # its samples do not share work, so a few tell the time of each
RHO = {"tanh": np.tanh, "hard_sigmoid": lambda s: np.minimum(np.maximum(s, 0), 1)}


class NumpyFlow:
    """μ of one sample; it counts its evaluations and remembers the last one."""

    def __init__(self, problem: Problem, sample: int):
        field = problem.field
        self.rho = RHO[problem.activation]
        first, *self.forward = map(np.asarray, field.forward)
        self.feedback = [np.asarray(w) for w in field.feedback]
        self.drive = first @ self.rho(np.asarray(problem.inputs[sample]))
        self.ends = np.cumsum((0, *field.sizes[1:]))
        self.evaluations, self.asked, self.answer = 0, None, np.zeros(0)

    def __call__(self, t, s):
        if s is not self.asked:  # solve_ivp's event asks where RK45 has just evaluated μ
            self.asked, self.answer = s, self.evaluate(s.astype(self.drive.dtype, copy=False))
            self.evaluations += 1
        return self.answer

    def evaluate(self, s):
        mu, rates = -s, self.rho(s)
        layers = [slice(a, b) for a, b in zip(self.ends[:-1], self.ends[1:], strict=True)]
        mu[layers[0]] += self.drive
        links = zip(layers[:-1], layers[1:], self.forward, self.feedback, strict=True)
        for below, above, up, down in links:
            mu[above] += up @ rates[below]
            mu[below] += down @ rates[above]
        return mu


def rk45_one(problem: Problem, sample: int, rtol: float, max_step: float):
    mu = NumpyFlow(problem, sample)

    def above_tol(t, s):
        # the root finder stops to either side of the crossing: let it be safely below tol
        return np.abs(mu(t, s)).max() - 0.99 * problem.tol

    above_tol.terminal = True  # pyright: ignore[reportFunctionMemberAccess]
    run = solve_ivp(
        mu,
        (0, 1000),
        np.zeros(mu.ends[-1]),
        method="RK45",
        events=above_tol,
        rtol=rtol,
        atol=problem.tol / 10,
        max_step=max_step,
    )
    return np.split(run.y[:, -1], mu.ends[1:-1]), mu.evaluations


def rk45(problem: Problem, rtol: float, max_step: float) -> Run:
    samples = range(min(SAMPLES, len(problem.inputs)))
    runs = [rk45_one(problem, k, rtol, max_step) for k in samples]
    states, evaluations = zip(*runs, strict=True)
    layers = zip(*states, strict=True)
    return Run(tuple(jnp.asarray(np.stack(layer)) for layer in layers), max(evaluations))
