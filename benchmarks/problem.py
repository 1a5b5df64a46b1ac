"""The network and the images that every method settles, and the judge of where it ended.

The network is 784-512-512-10 with independent Glorot weights in both directions, from a fixed
seed. The images are MNIST where NEURODYN_DATA holds it; else the 8×8 digits of scikit-learn,
each pixel repeated 3 times and framed by 2 of background, so that anyone can run this.
"""

import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import neurodyn as nd
from neurodyn import data

SIZES = (784, 512, 512, 10)
TOLERANCES = {"float64": 1e-6, "float32": 1e-4}


class Problem(NamedTuple):
    """A network, a batch of images that drives it, and the residual max |μ| to be reached."""

    activation: str
    field: Any
    inputs: Float[Array, "batch pixels"]
    tol: float


class Run(NamedTuple):
    """Where the samples ended, and how often the slowest of them evaluated μ.

    `state` may hold fewer samples than the problem: the first ones. `seconds` are told by what
    runs elsewhere, and has a clock of its own.
    """

    state: tuple[Array, ...]
    evaluations: int
    seconds: float | None = None


def images(samples: int) -> tuple[Float[np.ndarray, "samples pixels"], str]:
    """The first images of the training split, 784 pixels each, and what they are."""
    if os.environ.get("NEURODYN_DATA"):
        return data.load("mnist", samples=samples).images, "MNIST"
    small = data.load("digits", samples=samples).images.reshape(samples, 8, 8)
    framed = np.pad(small.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    return framed.reshape(samples, -1), "the digits of scikit-learn, enlarged to 28×28"


def cast(tree, dtype):
    """`tree` with every array converted to `dtype`."""
    return jax.tree.map(lambda leaf: leaf.astype(dtype), tree)


def problem(activation: str, dtype: str, batch: int, sizes: tuple[int, ...] = SIZES) -> Problem:
    """The benchmark's problem, the same network in either dtype; needs JAX's `jax_enable_x64`."""
    field = nd.LayeredLeakyIntegrator.init(
        sizes,
        activation=nd.activation_named(activation),
        key=jax.random.key(0),
        dtype=jnp.float64,
    )
    field, inputs = cast((field, jnp.asarray(images(batch)[0])), dtype)
    return Problem(activation, field, inputs, TOLERANCES[dtype])


def residuals(problem: Problem, state: tuple[Array, ...]) -> Float[np.ndarray, " samples"]:
    """The true residual of each sample run, evaluated in float64 whatever computed `state`."""
    parts = problem.field, state, problem.inputs[: len(state[0])]
    return np.asarray(nd.residual(*cast(parts, jnp.float64)))


def is_settled(problem: Problem, state: tuple[Array, ...]) -> np.ndarray:
    """Whether each sample met the tolerance, give or take the rounding of μ in its dtype.

    In float32 no method can know its own residual more closely than that.
    """
    rounding = 16 * float(jnp.finfo(problem.inputs.dtype).eps)
    return residuals(problem, state) <= problem.tol + rounding
