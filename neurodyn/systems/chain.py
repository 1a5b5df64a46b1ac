"""How chains of single neurons learn: weight flows of [1,…,1], linear and with a power inside.

    da_i/dt = c_i a_1 … a_{i−1} (α − βP),   P = a_1 … a_L,   c_L = 1   [004 Eq 23, 36, 44, 45]

The state is the vector of weights (a_1, …, a_L), there are no inputs, and time is that of learning:
t is the learning rate times the number of updates. α = E(IT) and β = E(I²) are all that the flow
knows of the data. Fixed points form the surface α = βP. `feedback="exact"` is backpropagation, that
is, gradient descent on the mean squared error, beside the random feedback of the paper.
"""

from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..aliases import Scalar, Time
from ..field import AbstractField, concrete_array, is_concrete

ChainFeedback = Literal["random", "exact"]
PowerFeedback = Literal["random", "exact", "no_derivative"]

Weights = Float[Array, " L"]


def require_numbers(flow: Any, *names: str) -> None:
    """Refuse named fields that are not one number each."""
    for name in names:
        shape = getattr(flow, name).shape
        if shape:
            raise ValueError(f"{name} has shape {shape}: give one number.")


def require_moments(flow: Any, *squares: str) -> None:
    """Refuse mean squares, named, that are negative."""
    for name in squares:
        value = getattr(flow, name)
        # in NumPy: inside `jit`, JAX would trace the question even of a concrete value
        if is_concrete(value) and not np.asarray(value) >= 0:
            raise ValueError(f"{name} is {value}: it is a mean square, so give zero or more.")


def require_feedback(found: str, known: tuple[str, ...]) -> None:
    """Refuse an unknown kind of feedback."""
    if found not in known:
        raise ValueError(f"feedback is {found!r}: there are {', '.join(known)}.")


class ChainFlow(AbstractField):
    """The weights of a linear chain while it learns; `chain_flow` makes one.

    **Fields:** `c`, (L − 1,), the random weights of the learning channel; `alpha` = E(IT) and
    `beta` = E(I²); `top`, the factor c_L of the last weight, 1 in the paper; `feedback`.
    """

    c: Float[Array, " L-1"] = eqx.field(converter=concrete_array)
    alpha: Scalar = eqx.field(converter=concrete_array)
    beta: Scalar = eqx.field(converter=concrete_array)
    top: Scalar = eqx.field(converter=concrete_array, default=1.0)
    feedback: ChainFeedback = eqx.field(static=True, default="random")

    def __check_init__(self):
        require_feedback(self.feedback, ("random", "exact"))
        require_numbers(self, "alpha", "beta", "top")
        require_moments(self, "beta")
        if self.c.ndim != 1:
            raise ValueError(
                f"c has shape {self.c.shape}: give a number for each weight but the top."
            )

    @property
    def factors(self) -> Weights:
        """c_1, …, c_L, the top one included."""
        return jnp.append(self.c, self.top)

    def shapes(self) -> tuple[PyTree, PyTree]:
        return jax.ShapeDtypeStruct((len(self.c) + 1,), self.c.dtype), None

    def drive(self, inputs: None, /) -> Weights:
        return self.factors

    def flow(self, t: Time, state: Weights, drive: Weights, /) -> Weights:
        below = _products_before(state)  # a_1 … a_{i−1}
        if self.feedback == "exact":
            above = _products_before(state[::-1])[::-1]  # a_{i+1} … a_L
            return above * below * self.error(state)  # [004 Eq 52]
        return drive * below * self.error(state)  # [004 Eq 45]

    def error(self, a: Weights) -> Scalar:
        """α − βP, the mean of error times input; zero where learning rests."""
        return self.alpha - self.beta * jnp.prod(a)

    def product(self, a: Weights) -> Scalar:
        """P = a_1 … a_L, what the chain multiplies its input by."""
        return jnp.prod(a)

    def product_rate(self, a: Weights) -> Scalar:
        """dP/dt along the flow [004 Eq 25, 37, 46], also where some weight is zero."""
        return jax.jvp(self.product, (a,), (self(0.0, a, None),))[1]

    def cost(self, a: Weights) -> Scalar:
        """(α − βP)²/(2β), the mean squared error above its minimum; needs β > 0 [004 Eq 25]."""
        return self.error(a) ** 2 / (2 * self.beta)

    def invariants(self, a: Weights) -> Float[Array, " L-1"]:
        """What stays constant while learning, (L − 1,), also where some c_i = 0.

        c_i a_{i+1} − c_{i+1} a_i²/2 [004 Eq 48, times c_i]; a_{i+1}² − a_i² with exact feedback
        [004 Eq 54].
        """
        if self.feedback == "exact":
            return a[1:] ** 2 - a[:-1] ** 2
        c = self.factors
        return c[:-1] * a[1:] - c[1:] * a[:-1] ** 2 / 2


def _products_before(a: Weights) -> Weights:
    """1, a_1, a_1 a_2, …: the product of all entries before each; nothing is divided by."""
    return jnp.concatenate([jnp.ones_like(a[:1]), jnp.cumprod(a[:-1])])


def chain_flow(
    c: Sequence[float] | Array,
    alpha: Any,
    beta: Any,
    *,
    top: Any = 1.0,
    feedback: ChainFeedback = "random",
) -> ChainFlow:
    """The weight flow of a linear chain of L = len(c) + 1 neurons [004 Eq 23, 36, 44, 52].

    **Arguments:** `c`, the L − 1 random weights of the learning channel; `alpha` = E(IT); `beta` =
    E(I²) ≥ 0; `top`, the factor of the last weight (a negative one makes weights blow up);
    `feedback`: "random", or "exact" for backpropagation, where only the number of `c` counts. Each
    c_i carries the error straight to its weight, as the skipped channel of `linear_flow` does.
    Raises `ValueError` for a negative `beta` or an unknown feedback.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> flow = nd.chain_flow(c=(1.0,), alpha=1.0, beta=1.0)
    >>> flow(0.0, jnp.array([2.0, 1.0]), None).tolist()
    [-1.0, -2.0]
    """
    return ChainFlow(c, alpha, beta, top, feedback)


class PowerChainFlow(AbstractField):
    """The weights of the chain [1,1,1] with O = a_2 (a_1 I)^μ; `power_chain_flow` makes one.

    **Fields:** `mu`, `c1`, `feedback`, and the moments `alpha` = E(T I^μ), `beta` = E(I^2μ) and,
    for the flow without the derivative, `gamma` = E(TI), `delta` = E(I^{μ+1}).
    """

    mu: float = eqx.field(static=True)
    c1: Scalar = eqx.field(converter=concrete_array)
    alpha: Scalar = eqx.field(converter=concrete_array)
    beta: Scalar = eqx.field(converter=concrete_array)
    gamma: Scalar = eqx.field(converter=concrete_array)
    delta: Scalar = eqx.field(converter=concrete_array)
    feedback: PowerFeedback = eqx.field(static=True, default="random")

    def __check_init__(self):
        if not 0 < self.mu < float("inf"):
            raise ValueError(f"mu is {self.mu}: give a power above zero.")
        require_feedback(self.feedback, ("random", "exact", "no_derivative"))
        require_numbers(self, "c1", "alpha", "beta", "gamma", "delta")
        require_moments(self, "beta")

    def shapes(self) -> tuple[PyTree, PyTree]:
        return jax.ShapeDtypeStruct((2,), self.c1.dtype), None

    def flow(self, t: Time, state: Weights, drive: None, /) -> Weights:
        a1, a2 = state
        error, rate = self.error(state), self._power(a1)
        slope = self.mu * self._power(a1, -1)  # f′, times c_1 or a_2
        if self.feedback == "exact":
            return jnp.stack([a2 * slope * error, rate * error])  # [004 Eq 119]
        if self.feedback == "no_derivative":
            lower = self.c1 * (self.gamma - self.delta * a2 * rate)  # [004 Eq 113]
            return jnp.stack([lower, rate * error])
        return jnp.stack([self.c1 * slope * error, rate * error])  # [004 Eq 114]

    def error(self, a: Weights) -> Scalar:
        """α − β a_2 a_1^μ, zero where nothing is left to learn."""
        return self.alpha - self.beta * self.product(a)

    def product(self, a: Weights) -> Scalar:
        """w = a_2 a_1^μ: the network computes w I^μ."""
        return a[1] * self._power(a[0])

    def product_rate(self, a: Weights) -> Scalar:
        """dw/dt along the flow."""
        return jax.jvp(self.product, (a,), (self(0.0, a, None),))[1]

    def invariants(self, a: Weights) -> Float[Array, " k"]:
        """What stays constant while learning: one number, or none without the derivative.

        c_1 a_2 − a_1²/(2μ) [004 Eq 115, times c_1]; a_1² − μ a_2² with exact feedback.
        """
        if self.feedback == "no_derivative":
            return a[:0]
        if self.feedback == "exact":
            return a[:1] ** 2 - self.mu * a[1:] ** 2
        return self.c1 * a[1:] - a[:1] ** 2 / (2 * self.mu)

    def _power(self, a: Array, less: int = 0) -> Array:
        """a^(μ + less): the power itself for whole μ, S-shaped sign(a)|a|^μ for the others."""
        exponent = self.mu + less
        if float(self.mu).is_integer():
            return a ** int(exponent)
        size = jnp.abs(a) ** exponent
        return size if less else jnp.sign(a) * size  # the slope of an odd function is even


def power_chain_flow(
    mu: float,
    c1: Any,
    alpha: Any,
    beta: Any,
    *,
    gamma: Any = 0.0,
    delta: Any = 0.0,
    feedback: PowerFeedback = "random",
) -> PowerChainFlow:
    """The weight flow of the chain [1,1,1] with the power μ in its middle neuron.

    **Arguments:** `mu` > 0: for whole numbers x^μ, else the odd, S-shaped sign(x)|x|^μ; `c1`, the
    random weight; `alpha` = E(T I^μ) and `beta` = E(I^2μ) ≥ 0; `feedback`: "random" [004 Eq 114],
    "exact" [004 Eq 119] or "no_derivative", random feedback without f′, which needs `gamma` =
    E(TI) and `delta` = E(I^{μ+1}) [004 Eq 113]. For μ > 1 the line a_1 = 0 is at rest too, which
    [004 Eq 116] leaves out. Raises `ValueError` for a `mu` or `beta` out of range.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> flow = nd.power_chain_flow(mu=3, c1=1.0, alpha=1.0, beta=1.0)
    >>> flow(0.0, jnp.array([1.0, 0.0]), None).tolist()
    [3.0, 1.0]
    """
    return PowerChainFlow(float(mu), c1, alpha, beta, gamma, delta, feedback)


def moments(inputs: Any, targets: Any, mu: float = 1.0) -> dict[str, float]:
    """E(T I^μ), E(I^2μ), E(TI) and E(I^{μ+1}) of paired examples, named as the flows ask.

    >>> import neurodyn as nd
    >>> nd.moments([1.0, 2.0], [1.0, 8.0], mu=3)
    {'alpha': 32.5, 'beta': 32.5, 'gamma': 8.5, 'delta': 8.5}
    """
    x, y = np.asarray(inputs, float), np.asarray(targets, float)
    if x.ndim != 1 or x.shape != y.shape or not x.size:
        raise ValueError(f"inputs and targets have shapes {x.shape} and {y.shape}: give pairs.")
    power = np.sign(x) * np.abs(x) ** mu if not float(mu).is_integer() else x ** int(mu)
    means = {"alpha": y * power, "beta": power**2, "gamma": y * x, "delta": power * x}
    return {name: float(value.mean()) for name, value in means.items()}
