"""What the learning channel does to error signals on their way down [004 Sec 3, 5, 6.1].

    no f′       the slopes of hidden layers are left out, on the way and at the end
    quantised   δ_k = Q(J_k), before it goes further down, so that errors add up     [004 Eq 17]
    dropout     δ_k = m_k ⊙ J_k, m = 0 with probability p, else 1/(1 − p)            [004 Fig 9]

    Q(x) = α sign(x) 2^{round(clip(log₂|x/α|, 1 − bits, 0))}                         [004 Eq 19]

J_k is what arrives at hidden layer k; the output's own error is left as it is.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..activation import Activation
from ..aliases import Layers, Scalar
from ..field import concrete_array, is_concrete
from ..systems.feedback import AbstractFeedback, ForwardPass, TargetFeedback
from ..systems.leaky import Weights
from ..systems.pathway import Pathway


def quantise(x: Float[Array, "..."], bits: Any, scale: Any) -> Float[Array, "..."]:
    """x rounded to ± scale · 2^{−j}, j = 0 … bits − 1, by its logarithm [004 Eq 19]; 0 stays 0.

    These are 2·bits levels besides zero, not the 2^bits of the text. Sizes above `scale` become
    `scale`, and those that are too small the smallest level: only zero itself is not lifted.
    `bits` is a positive whole number and `scale` a positive one, α; both may be arrays.

    >>> import jax.numpy as jnp
    >>> quantise(jnp.array([0.05, -1.0, 1e-9, 0.0]), 3, 0.125).tolist()
    [0.0625, -0.125, 0.03125, 0.0]
    """
    bits, scale = (jnp.asarray(number).astype(x.dtype) for number in (bits, scale))
    smallest = jnp.ldexp(jnp.ones_like(scale), (1 - bits).astype(jnp.int32))
    size = jnp.abs(_power_of_two(x * (_HALFWAY / scale)))
    return scale * jnp.sign(x) * jnp.clip(size, smallest, 1)


_HALFWAY = 1.5 / 2**0.5  # takes √2, halfway between 1 and 2 by logarithm, to their mean


def _power_of_two(x: Array) -> Array:
    """The nearest power of two, by distance: x without its mantissa, and no logarithm is taken."""
    return jax.lax.reduce_precision(x, jnp.finfo(x.dtype).nexp, 0)


def _one(name: str) -> Callable[[Any], Any]:
    """A converter to one number as an array, or None."""

    def convert(value: Any) -> Any:
        number = None if value is None else concrete_array(value)
        if number is not None and number.ndim:
            raise ValueError(
                f"{name} has shape {number.shape}: give one number; jax.vmap maps over several."
            )
        return number

    return convert


class Channel(eqx.Module):
    """Options of the learning channel, all of them off unless asked for.

    **Fields:** `derivative`, False for "no f′": hidden layers leave out their slopes, the output
    keeps its own; `dropout`, the share p of hidden units whose signal is dropped, 0 ≤ p < 1, the
    others being divided by 1 − p; `bits`, to which the signals of hidden units are quantised with
    the `scale` α; `update_bits` and `update_scale`, the same for the change that each sample makes,
    before these are averaged [004 Sec 5.2], and before any learning rate: where steps are to be
    quantised, divide α by it; `update_of`, what of that change is quantised: the "product" at each
    synapse, or the "signal" J_k of each unit that it is made with, the output's own error included,
    after all signals have been sent down; `adaptive`, whether the channel's own matrices change
    [004 Sec 3, ARBP and ASRBP]. Numbers are arrays, so that they can be mapped by `jax.vmap`.

    Raises `ValueError` for numbers out of range.

    >>> import jax, jax.numpy as jnp, neurodyn as nd
    >>> path = nd.Pathway.init((4, 3, 2), feedback="random", key=jax.random.key(0))
    >>> coarse = Channel(bits=2).through(path)  # a Pathway like any other: it settles
    >>> signals = coarse.discrete((jnp.ones(4), jnp.ones(2)))[0]
    >>> set(jnp.abs(signals).tolist()) <= {0.125, 0.0625}
    True
    """

    derivative: bool = eqx.field(default=True, static=True)
    dropout: Scalar | None = eqx.field(converter=_one("dropout"), default=None)
    bits: Scalar | None = eqx.field(converter=_one("bits"), default=None)
    scale: Scalar = eqx.field(converter=_one("scale"), default=2.0**-3)
    update_bits: Scalar | None = eqx.field(converter=_one("update_bits"), default=None)
    update_scale: Scalar = eqx.field(converter=_one("update_scale"), default=2.0**-6)
    update_of: str = eqx.field(default="product", static=True)
    adaptive: bool = eqx.field(default=False, static=True)

    def __check_init__(self):
        for name in ("bits", "update_bits"):
            bits = _value(getattr(self, name))
            if bits is not None and not (bits >= 1 and bits == round(bits)):
                raise ValueError(f"{name} is {bits:g}: give a whole number from 1 on, or None.")
        for name in ("scale", "update_scale"):
            scale = _value(getattr(self, name))
            if scale is not None and not 0 < scale < float("inf"):
                raise ValueError(f"{name} is {scale:g}: give a positive number.")
        if self.update_of not in ("product", "signal"):
            raise ValueError(f"update_of is {self.update_of!r}: choose 'product' or 'signal'.")
        share = _value(self.dropout)
        if share is not None and not 0 <= share < 1:
            raise ValueError(f"dropout is {share:g}: give a share from 0 up to, not with, 1.")

    @property
    def alters_signals(self) -> bool:
        """Whether the signals themselves differ from those of the bare pathway."""
        return not self.derivative or self.dropout is not None or self.bits is not None

    def through(self, path: Pathway, key: PRNGKeyArray | None = None) -> Pathway:
        """`path` with this channel in it, which settles, and whose `errors` are those of the rule.

        `key` draws the units to drop, once for all samples. Raises `ValueError` where it is missing
        and where errors are altered but `path` brings targets.
        """
        if not self.alters_signals:
            return path
        if isinstance(path.feedback, TargetFeedback):
            raise ValueError("channel alters errors, but path brings targets: leave it out.")
        if not self.derivative:
            path = dataclasses.replace(path, activation=_without_slope(path.activation))
        dtype = path.weights[0].dtype
        kept = None if self.dropout is None else self._drawn(path, key)
        bits = None if self.bits is None else self.bits.astype(dtype)
        altered = AlteredFeedback(path.feedback, kept, bits, self.scale.astype(dtype))
        return eqx.tree_at(lambda p: p.feedback, path, altered)

    @property
    def writes_products(self) -> bool:
        """Whether the change of each synapse is quantised by itself."""
        return self.update_bits is not None and self.update_of == "product"

    def written(self, change: Float[Array, "..."], of: str) -> Float[Array, "..."]:
        """Products or signals of one sample as they go into its change, quantised if asked for."""
        if self.update_bits is None or of != self.update_of:
            return change
        return quantise(change, self.update_bits, self.update_scale)

    def _drawn(self, path: Pathway, key: PRNGKeyArray | None) -> Layers:
        if key is None:
            raise ValueError("key is missing: dropout draws the units to drop, give a random key.")
        assert self.dropout is not None
        keep = 1 - self.dropout.astype(path.weights[0].dtype)
        hidden = path.sizes[1:-1]
        keys = jax.random.split(key, len(hidden))
        drawn = [jax.random.bernoulli(k, keep, (n,)) for k, n in zip(keys, hidden, strict=True)]
        return tuple(jnp.where(on, 1 / keep, 0) for on in drawn)


class AlteredFeedback(AbstractFeedback):
    """Another feedback whose signals to hidden layers are quantised, then dropped; see `Channel`.

    `kept[k]`, (n_k,), is what the signal of hidden layer k is multiplied by.
    """

    way: AbstractFeedback
    kept: Layers | None
    bits: Scalar | None
    scale: Scalar

    def require_fit(self, layers: Sequence[jax.ShapeDtypeStruct]) -> None:
        self.way.require_fit(layers)

    def top(self, output: Float[Array, " n"], gradient: Float[Array, " n"]) -> Float[Array, " n"]:
        return self.way.top(output, gradient)

    def prepare(self, weights: Weights, done: ForwardPass) -> tuple[PyTree, ...]:
        return self.way.prepare(weights, done)

    def signal(self, k: int, above: Layers, prepared: PyTree) -> Float[Array, " n"]:
        arrived = self.way.signal(k, above, prepared)
        if self.bits is not None:
            arrived = quantise(arrived, self.bits, self.scale)  # [004 Eq 17]
        return arrived if self.kept is None else self.kept[k] * arrived

    def descent(self, signals: Layers, activities: Layers) -> Layers:
        return self.way.descent(signals, activities)


def _value(number: Scalar | None) -> float | None:
    """The number, in NumPy as `jit` may be tracing; None where it is not there or not known."""
    return None if number is None or not is_concrete(number) else np.asarray(number).item()


def _without_slope(activation: Activation) -> Activation:
    """The same activation, stated to have the slope 1 everywhere."""
    return dataclasses.replace(
        activation, name=f"{activation.name} without f′", derivative=jnp.ones_like
    )
