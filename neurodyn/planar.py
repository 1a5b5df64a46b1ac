"""A field of two numbers as a flow of the plane: flattened, evaluated on many points, reversed."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .aliases import Time
from .batching import prepare
from .field import AbstractField, concrete_array

Points = Float[np.ndarray, "_ 2"]
"""Points of the plane."""

Vector = Float[np.ndarray, " 2"]
"""One point of the plane, or the lengths of a box."""


class PlanarFlow(AbstractField):
    """A field of two numbers with its inputs built in: state (2,), no inputs.

    **Fields:** `field`; what `field.drive` made of its inputs; an `example` of its state; `pace`,
    by which the flow is multiplied: −1 runs it backwards in time; `origin` and `unit`, (2,), those
    of the coordinates: the field is at origin + unit · state.
    """

    field: AbstractField
    built: PyTree
    example: PyTree
    pace: Float[Array, ""] = eqx.field(converter=concrete_array, default=1.0)
    origin: Float[Array, " 2"] = eqx.field(converter=concrete_array, default=(0.0, 0.0))
    unit: Float[Array, " 2"] = eqx.field(converter=concrete_array, default=(1.0, 1.0))

    def shapes(self) -> tuple[PyTree, PyTree]:
        return jax.eval_shape(lambda s: jax.flatten_util.ravel_pytree(s)[0], self.example), None

    def flow(self, t: Time, state: Float[Array, " 2"], drive: None, /) -> Float[Array, " 2"]:
        unravel = jax.flatten_util.ravel_pytree(self.example)[1]
        mu = self.field.flow(t, unravel(self.origin + self.unit * state), self.built)
        return self.pace * jax.flatten_util.ravel_pytree(mu)[0] / self.unit

    def backwards(self) -> "PlanarFlow":
        """The same orbits, run the other way."""
        return dataclasses.replace(self, pace=-self.pace)

    def seen_from(self, origin: Vector, unit: Vector) -> "PlanarFlow":
        """The same orbits in the coordinates (s − origin)/unit."""
        return dataclasses.replace(self, origin=jnp.asarray(origin), unit=jnp.asarray(unit))


def planar(field: AbstractField, inputs: Any = None) -> PlanarFlow:
    """`field` as a flow of the plane.

    Raises `ValueError` if its state does not hold just two numbers, if `inputs` are those of a
    batch, or if it computes in less than float64, which cannot tell fixed points apart.
    """
    example, inputs, batch = prepare(field, None, inputs)
    if batch is not None:
        raise ValueError("inputs hold a batch: a portrait is of one flow, so give one sample.")
    flat = jax.flatten_util.ravel_pytree(example)[0]
    if flat.size != 2:
        raise ValueError(
            f"field moves {flat.size} numbers: a phase portrait needs a state of just two."
        )
    if flat.dtype != jnp.float64:
        raise ValueError(
            f"field computes in {flat.dtype}: a portrait needs float64 to tell fixed points from "
            "slow ones; call jax.config.update('jax_enable_x64', True) before making the field."
        )
    return PlanarFlow(field, field.drive(inputs), example)


def mesh(x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"]) -> Points:
    """All points of the grid that `x` and `y` make, row by row, (ny · nx, 2)."""
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def padded(function: Callable[[Array], Array], points: Points) -> np.ndarray:
    """`function` of all points, which sees few different numbers of them, so compiles seldom."""
    size = max(512, 1 << (len(points) - 1).bit_length())
    filled = np.concatenate([points, np.broadcast_to(points[-1], (size - len(points), 2))])
    return np.asarray(function(jnp.asarray(filled)))[: len(points)]


@eqx.filter_jit
def _values(flow: PlanarFlow, points: Array) -> Array:
    return jax.vmap(lambda s: flow(0.0, s, None))(points)


@eqx.filter_jit
def _jacobians(flow: PlanarFlow, points: Array) -> Array:
    return jax.vmap(jax.jacfwd(lambda s: flow(0.0, s, None)))(points)


def values(flow: PlanarFlow, points: Points) -> Points:
    """μ at each of the points, (k, 2)."""
    return padded(functools.partial(_values, flow), points)


def jacobians(flow: PlanarFlow, points: Points) -> Float[np.ndarray, "k 2 2"]:
    """∂μ/∂s at each of the points, (k, 2, 2)."""
    return padded(functools.partial(_jacobians, flow), points)
