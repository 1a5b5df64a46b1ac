"""A bank of systems with known answers, used by every test file.

Fixed points come from closed forms or from `golden.json` (the papers' statements, worked to 40
digits); linear systems also know their whole trajectory.
"""

import json
import pathlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

import neurodyn as nd

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden.json").read_text())


def exact(tree):
    """Numbers of a golden case as floats; strings are exact rationals or decimals."""
    if isinstance(tree, list):
        return [exact(leaf) for leaf in tree]
    return float(Fraction(tree)) if isinstance(tree, str) else float(tree)


def array(tree) -> jax.Array:
    return jnp.asarray(exact(tree), jnp.float64)


@dataclass(frozen=True)
class Problem:
    """A field, its clamped inputs, and the fixed point that its flow reaches from rest."""

    name: str
    field: nd.AbstractField
    inputs: Any
    fixed_point: Any


def layered(case: str, activation=nd.tanh) -> Problem:
    """The 2-2-2-1 networks of the golden file, whose layers are numbered from the output."""
    golden = GOLDEN[case]
    w = {name: array(value) for name, value in golden["inputs"].items() if name[0] == "W"}
    net = nd.LayeredLeakyIntegrator(
        forward=(w["W23"], w["W12"], w["W01"]), feedback=(w["W21"], w["W10"]), activation=activation
    )
    h = array(golden["expected"]["h_fixed"])  # (h0, h1, h2)
    return Problem(case, net, array(golden["inputs"]["x"]), (h[3:5], h[1:3], h[0:1]))


def rates(case: str, weights: jax.Array) -> Problem:
    """Nets written s = tanh(W s + b) in rates: here u = W tanh(u) + b, with s = tanh(u)."""
    golden = GOLDEN[case]
    s = array(golden["expected"]["s_free"])
    net = nd.LeakyIntegrator(weights=weights, activation=nd.tanh)
    return Problem(case, net, array(golden["inputs"]["b"]), jnp.arctanh(s))


def w_lambda(case: str) -> jax.Array:
    theta, lam = array(GOLDEN[case]["inputs"]["theta"]), exact(GOLDEN[case]["inputs"]["lam"])
    return theta + (2 * lam - 1) * theta.T


def two_neurons() -> Problem:
    """[003 Sec 5]: h0 = w01 h1, h1 = w10 h0 + wx x, linear."""
    golden = GOLDEN["vfep_ascent_2neuron"]
    w01, w10, wx, x = (exact(golden["inputs"][k]) for k in ("w01", "w10", "wx", "x"))
    net = nd.LayeredLeakyIntegrator(
        forward=(jnp.array([[wx]]), jnp.array([[w01]])),
        feedback=(jnp.array([[w10]]),),
        activation=nd.identity,
    )
    h0, h1 = golden["expected"]["h"]
    return Problem("two_neurons", net, jnp.array([x]), (jnp.array([h1]), jnp.array([h0])))


def skew() -> Problem:
    golden = GOLDEN["skew_damping"]
    net = nd.LeakyIntegrator(weights=array(golden["inputs"]["W"]), activation=nd.identity)
    fixed = array(golden["expected"]["fixed_point"])
    return Problem("skew", net, array(golden["inputs"]["b"]), fixed)


def linear(n: int = 5, seed: int = 0) -> Problem:
    """Random linear integrators, made stable; `linear_path` gives the whole trajectory."""
    rng = np.random.default_rng(seed)
    weights = 0.8 * rng.standard_normal((n, n)) / np.sqrt(n)
    b = rng.standard_normal(n)
    net = nd.LeakyIntegrator(weights=jnp.asarray(weights), activation=nd.identity)
    return Problem(
        "linear", net, jnp.asarray(b), jnp.asarray(np.linalg.solve(np.eye(n) - weights, b))
    )


def linear_path(problem: Problem, start: np.ndarray, ts: np.ndarray) -> np.ndarray:
    """s(t) = s* + exp((W − I)t)(s(0) − s*)."""
    matrix = np.asarray(problem.field.weights) - np.eye(len(start))
    away = start - np.asarray(problem.fixed_point)
    return np.stack([problem.fixed_point + scipy.linalg.expm(matrix * t) @ away for t in ts])


SETTLING = [
    layered("vfep_asym"),
    rates("ep_bias_order", array(GOLDEN["ep_bias_order"]["inputs"]["W"])),
    rates("dyadic_lambda_0", w_lambda("dyadic_lambda_0")),
    rates("dyadic_lambda_0_5", w_lambda("dyadic_lambda_0_5")),
    two_neurons(),
    skew(),
    linear(),
]


UNSTABLE = layered("vfep_symW_linear", nd.identity)
"""A fixed point with an eigenvalue in the right half plane: the flow runs away from it."""


def cycle() -> tuple[nd.AbstractField, jax.Array, jax.Array]:
    """Two neurons with non-normal weights on a limit cycle: (field, inputs, start)."""
    net = nd.LeakyIntegrator(weights=jnp.array([[2.5, -4.0], [2.0, 2.0]]), activation=nd.tanh)
    return net, jnp.zeros(2), jnp.array([0.1, 0.0])


def bistable(gain: float = 2.0) -> tuple[nd.AbstractField, jax.Array, float]:
    """[001] two units, each exciting the other: (field, inputs, |u*|) with u* = 2 tanh(u*)."""
    s = GOLDEN["dyadic_multistability"]["expected"]["s_star"]
    net = nd.LeakyIntegrator(weights=jnp.array([[0.0, gain], [gain, 0.0]]), activation=nd.tanh)
    return net, jnp.zeros(2), float(np.arctanh(s))


def blow_up() -> nd.AbstractField:
    """ds/dt = s² + 1 from 0: s = tan t, infinite at π/2 [004 Thm 1, no real root]."""
    return nd.Field(lambda t, s, x: s**2 + 1, state=jnp.zeros(1))


def random_net(sizes=(12, 16, 8, 4), activation=nd.hard_sigmoid, seed=0):
    return nd.LayeredLeakyIntegrator.init(sizes, activation=activation, key=jax.random.key(seed))


def dense(net: nd.LayeredLeakyIntegrator) -> tuple[np.ndarray, np.ndarray]:
    """A layered net as one matrix over all its units, and the matrix that its input enters by."""
    sizes = net.sizes[1:]
    ends = np.cumsum((0, *sizes))
    weights = np.zeros((ends[-1], ends[-1]))
    for k in range(len(sizes) - 1):
        low, high = slice(ends[k], ends[k + 1]), slice(ends[k + 1], ends[k + 2])
        weights[high, low] = net.forward[k + 1]
        weights[low, high] = net.feedback[k]
    entry = np.zeros((ends[-1], net.sizes[0]))
    entry[: sizes[0]] = net.forward[0]
    return weights, entry


def newton(weights, drive, rho, slope, start, steps=60) -> np.ndarray:
    """Damped Newton for W ρ(s) − s + drive = 0 in plain NumPy: the independent second method."""
    s = np.array(start, float)
    for _ in range(steps):
        mu = weights @ rho(s) - s + drive
        step = np.linalg.solve(weights * slope(s) - np.eye(len(s)), -mu)
        shrink = 1.0
        while shrink > 1e-6:
            there = s + shrink * step
            if np.abs(weights @ rho(there) - there + drive).max() <= np.abs(mu).max():
                break
            shrink /= 2
        s = s + shrink * step
    return s
