"""Activations ρ: the map from a membrane state s to a firing rate ρ(s), with what theorems ask.

Each one carries its derivative, its inverse on the open range, its range, the least upper bound
of |ρ′| and whether it is monotone: the hypotheses that Lipschitz and uniqueness statements need.
"""

import functools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .naming import closest


class Activation(eqx.Module):
    """An elementwise activation ρ; call it like a function.

    **Fields:** `function`, `derivative` and `inverse` act elementwise and keep the shape;
    `inverse` is meant on the open `range` and may be infinite on its ends; `slope_bound` is
    sup |ρ′| (`inf` when unbounded); `monotone` says whether ρ never decreases. At its kinks the
    derivative of a clipped activation is that of the clipped side, zero.

    >>> import neurodyn as nd
    >>> float(nd.hard_sigmoid(1.7)), nd.tanh.slope_bound
    (1.0, 1.0)
    """

    name: str = eqx.field(static=True)
    function: Callable[[Array], Array] = eqx.field(static=True)
    derivative: Callable[[Array], Array] = eqx.field(static=True)
    inverse: Callable[[Array], Array] = eqx.field(static=True)
    range: tuple[float, float] = eqx.field(static=True)
    slope_bound: float = eqx.field(static=True)
    monotone: bool = eqx.field(static=True)

    def __call__(self, s: Float[Array, "..."] | float) -> Float[Array, "..."]:
        return _apply(self, jnp.asarray(s))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _apply(activation: Activation, s: Array) -> Array:
    return activation.function(s)


@_apply.defjvp
def _apply_jvp(activation, primals, tangents):
    # JAX differentiates by the stated derivative, at kinks and at the zero of a power too
    (s,), (ds,) = primals, tangents
    return activation(s), activation.derivative(s) * ds


def _inside(s: Array) -> Array:
    return jnp.where((s > 0) & (s < 1), 1, 0).astype(s.dtype)


inf = float("inf")

identity = Activation("identity", lambda s: s, jnp.ones_like, lambda r: r, (-inf, inf), 1.0, True)
tanh = Activation(
    "tanh", jnp.tanh, lambda s: 1 - jnp.tanh(s) ** 2, jnp.arctanh, (-1.0, 1.0), 1.0, True
)
logistic = Activation(
    "logistic",
    jax.nn.sigmoid,
    lambda s: jax.nn.sigmoid(s) * jax.nn.sigmoid(-s),
    lambda r: jnp.log(r) - jnp.log1p(-r),
    (0.0, 1.0),
    0.25,
    True,
)
hard_sigmoid = Activation(  # ρ(s) = 0 ∨ s ∧ 1 [003 App C]
    "hard_sigmoid", lambda s: jnp.clip(s, 0, 1), _inside, lambda r: r, (0.0, 1.0), 1.0, True
)
relu = Activation(
    "relu",
    jax.nn.relu,
    lambda s: jnp.where(s > 0, 1, 0).astype(s.dtype),
    lambda r: r,
    (0.0, inf),
    1.0,
    True,
)


@functools.cache  # one object per exponent, so that compiled code is found again
def power(exponent: float) -> Activation:
    """The signed power ρ(s) = sign(s)|s|^exponent, odd and monotone [004 Eq 113–118].

    For an odd integer exponent this is s^exponent. Raises `ValueError` unless `exponent > 0`.
    """
    if not exponent > 0:
        raise ValueError(f"exponent is {exponent}: the power activation needs exponent > 0.")
    return Activation(
        f"power({exponent:g})",
        lambda s: jnp.sign(s) * jnp.abs(s) ** exponent,
        lambda s: exponent * jnp.abs(s) ** (exponent - 1),
        lambda r: jnp.sign(r) * jnp.abs(r) ** (1 / exponent),
        (-inf, inf),
        1.0 if exponent == 1 else inf,
        True,
    )


_NAMED = {a.name: a for a in (identity, tanh, logistic, hard_sigmoid, relu)}


def activation_named(name: str) -> Activation:
    """The activation called `name`; `power(3)` gives the signed cube.

    Raises `ValueError` with the nearest known names when there is none of that name.
    """
    if name in _NAMED:
        return _NAMED[name]
    if name.startswith("power(") and name.endswith(")"):
        try:
            return power(float(name[6:-1]))
        except ValueError as error:
            raise ValueError(f"activation {name!r}: write power(3) or power(0.5).") from error
    raise ValueError(f"unknown activation {name!r}: {closest(name, (*_NAMED, 'power(3)'))}")
