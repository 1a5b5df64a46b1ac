"""The chain by hand, as one would write it for speed: a loop over starts in Numba, adaptive RK45.

Dormand–Prince 5(4) with its first-same-as-last slope, in scalars, until max |μ| is at the
tolerance; with `fraction`, the step control of `neurodyn.stepping`, without which it must run at a
much finer tolerance to come to rest. Numba is no part of neurodyn: `pip install numba` for it.
"""

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

STEPS = 20_000


def installed() -> bool:
    """Whether Numba can be imported."""
    return importlib.util.find_spec("numba") is not None


@functools.cache
def _compiled() -> Callable[..., Any]:
    numba: Any = importlib.import_module("numba")  # optional: not there for the type check

    @numba.njit(inline="always")
    def one(x, y, tol, rtol, atol, fraction):
        e = 1 - x * y
        p1, q1 = e, x * e
        h, t = 0.01, 0.0
        for _ in range(STEPS):
            if max(abs(p1), abs(q1)) <= tol or t >= 1000.0:
                break
            u, v = x + h * p1 / 5, y + h * q1 / 5
            e = 1 - u * v
            p2, q2 = e, u * e
            u = x + h * (3 / 40 * p1 + 9 / 40 * p2)
            v = y + h * (3 / 40 * q1 + 9 / 40 * q2)
            e = 1 - u * v
            p3, q3 = e, u * e
            u = x + h * (44 / 45 * p1 - 56 / 15 * p2 + 32 / 9 * p3)
            v = y + h * (44 / 45 * q1 - 56 / 15 * q2 + 32 / 9 * q3)
            e = 1 - u * v
            p4, q4 = e, u * e
            a, b, c, d = 19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729
            u = x + h * (a * p1 + b * p2 + c * p3 + d * p4)
            v = y + h * (a * q1 + b * q2 + c * q3 + d * q4)
            e = 1 - u * v
            p5, q5 = e, u * e
            a, b, c, d, f = 9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656
            u = x + h * (a * p1 + b * p2 + c * p3 + d * p4 + f * p5)
            v = y + h * (a * q1 + b * q2 + c * q3 + d * q4 + f * q5)
            e = 1 - u * v
            p6, q6 = e, u * e
            a, b, c, d, f = 35 / 384, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84
            u = x + h * (a * p1 + b * p3 + c * p4 + d * p5 + f * p6)
            v = y + h * (a * q1 + b * q3 + c * q4 + d * q5 + f * q6)
            e = 1 - u * v
            p7, q7 = e, u * e
            a, b, c, d, f, g = (
                71 / 57600,
                -71 / 16695,
                71 / 1920,
                -17253 / 339200,
                22 / 525,
                -1 / 40,
            )
            p = h * abs(a * p1 + b * p3 + c * p4 + d * p5 + f * p6 + g * p7)
            q = h * abs(a * q1 + b * q3 + c * q4 + d * q5 + f * q6 + g * q7)
            if fraction > 0:
                allowed = max(fraction * max(abs(u - x), abs(v - y)), 1e-15)
                p *= max(1.0, atol * (1 + abs(x)) / allowed)
                q *= max(1.0, atol * (1 + abs(y)) / allowed)
            p /= atol + rtol * max(abs(x), abs(u))
            q /= atol + rtol * max(abs(y), abs(v))
            error = max(p, q)
            factor = 0.9 * error**-0.2 if error > 0 else 10.0
            if error < 1:
                t, x, y, p1, q1 = t + h, u, v, p7, q7
                h *= min(10.0, max(1.0, factor))
            else:
                h *= min(0.9, max(0.2, factor))
        return x, y

    @numba.njit(parallel=True)
    def run(starts, tol, rtol, atol, fraction):
        ends = np.empty_like(starts)
        for k in numba.prange(len(starts)):
            ends[k] = one(starts[k, 0], starts[k, 1], tol, rtol, atol, fraction)
        return ends

    return run


def settle(
    starts: Float[np.ndarray, "n 2"],
    *,
    tol: float,
    rtol: float,
    atol: float,
    fraction: float = 0.0,
    cores: int,
) -> Float[np.ndarray, "n 2"]:
    """The ends of all starts, on `cores` threads."""
    importlib.import_module("numba").set_num_threads(cores)
    return _compiled()(starts, tol, rtol, atol, fraction)
