"""How deep linear networks [N_0, …, N_L] learn: weight flows with random or exact feedback.

    dA_i/dt = B_i (Σ_TI − P Σ_II) A_1ᵗ … A_{i−1}ᵗ,    P = A_L … A_1,    B_L = Id

B_i = C_i in the skipped channel [004 Eq 81], C_i C_{i+1} … C_{L−1} in the random one [004 Eq 87]
and A_{i+1}ᵗ … A_Lᵗ in exact backpropagation [004 Eq 84]. Three layers are [004 Eq 88]; [1,N,1],
[N,1,N] and the 2 × 2 system are its cases Eq 57, 65, 68 and 111. The state is the tuple of weight
matrices (A_1, …, A_L), there are no inputs, and time is that of learning.
"""

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..aliases import Scalar, Time
from ..field import AbstractField, concrete_array, is_concrete
from .chain import require_feedback

Feedback = Literal["random", "skipped", "exact"]
Matrices = tuple[Float[Array, "_ _"], ...]


def _matrix(values: Any) -> Array:
    array = concrete_array(values)
    if array.ndim != 2:
        raise ValueError(f"a matrix of shape {array.shape} was given: write it as rows, (n, m).")
    return array


def _matrices(values: Sequence) -> Matrices:
    return tuple(map(_matrix, values))


class LinearFlow(AbstractField):
    """The weights of a linear network while it learns; `linear_flow` makes one.

    **Fields:** `sizes`, (N_0, …, N_L); `channel`, the matrices C_1 … C_{L−1}: N_i × N_{i+1} if
    `feedback` is "random", N_i × N_L if it is "skipped", none if it is "exact"; `sigma_ti` =
    E(TIᵗ), N_L × N_0, and `sigma_ii` = E(IIᵗ), N_0 × N_0.
    """

    sizes: tuple[int, ...] = eqx.field(static=True)
    channel: Matrices = eqx.field(converter=_matrices)
    sigma_ti: Float[Array, "_ _"] = eqx.field(converter=_matrix)
    sigma_ii: Float[Array, "_ _"] = eqx.field(converter=_matrix)
    feedback: Feedback = eqx.field(static=True, default="random")

    def __check_init__(self):
        require_feedback(self.feedback, ("random", "skipped", "exact"))
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise ValueError(f"sizes is {self.sizes}: give two or more positive whole numbers.")
        inputs, outputs = self.sizes[0], self.sizes[-1]
        wanted = {"sigma_ti": (outputs, inputs), "sigma_ii": (inputs, inputs)}
        found = {"sigma_ti": self.sigma_ti.shape, "sigma_ii": self.sigma_ii.shape}
        shapes = _channel_shapes(self.sizes, self.feedback)
        if len(self.channel) != len(shapes):
            raise ValueError(
                f"channel holds {len(self.channel)} matrices: {self.feedback} feedback in "
                f"{list(self.sizes)} needs {len(shapes)}."
            )
        for i, (matrix, shape) in enumerate(zip(self.channel, shapes, strict=True)):
            wanted[f"channel[{i}]"], found[f"channel[{i}]"] = shape, matrix.shape
        for name, shape in wanted.items():
            if found[name] != shape:
                raise ValueError(f"{name} has shape {found[name]}: it needs {shape}.")
        if is_concrete(self.sigma_ii):
            square = np.asarray(self.sigma_ii)
            if not np.allclose(square, square.T):
                raise ValueError("sigma_ii is not symmetric: give E(IIᵗ).")

    def shapes(self) -> tuple[PyTree, PyTree]:
        dtype = self.sigma_ii.dtype
        pairs = zip(self.sizes[1:], self.sizes[:-1], strict=True)
        return tuple(jax.ShapeDtypeStruct(shape, dtype) for shape in pairs), None

    def drive(self, inputs: None, /) -> Matrices:
        """B_1, …, B_{L−1}, which do not move; none with exact feedback."""
        if self.feedback == "random":  # B_i = C_i B_{i+1} [004 Eq 87]
            return _running_products(self.channel[::-1], lambda product, c: c @ product)[::-1]
        return self.channel

    def flow(self, t: Time, state: Matrices, drive: Matrices, /) -> Matrices:
        maps = _running_products(state, lambda product, a: a @ product)  # A_i … A_1
        error = self.sigma_ti - maps[-1] @ self.sigma_ii
        if self.feedback == "exact":  # A_{i+1}ᵗ … A_Lᵗ [004 Eq 84]
            reverse = [a.T for a in state[:0:-1]]
            back = _running_products(reverse, lambda product, a: a @ product)[::-1]
        else:
            back = drive
        driven = (*(b @ error for b in back), error)
        return (driven[0], *(d @ m.T for d, m in zip(driven[1:], maps, strict=False)))  # [Eq 81]

    def product(self, weights: Matrices) -> Float[Array, "out in"]:
        """P = A_L … A_1, the map that the network computes."""
        return functools.reduce(lambda product, a: a @ product, weights)

    def error(self, weights: Matrices) -> Float[Array, "out in"]:
        """Σ_TI − PΣ_II, the mean of error times input."""
        return self.sigma_ti - self.product(weights) @ self.sigma_ii

    def cost(self, weights: Matrices) -> Scalar:
        """½E‖T − PI‖² without the constant ½E‖T‖²."""
        P = self.product(weights)
        return jnp.sum(P * (P @ self.sigma_ii / 2 - self.sigma_ti))

    def invariants(self, weights: Matrices) -> Matrices:
        """Matrices that stay constant while learning, one for each pair of layers that has one.

        C_i A_{i+1} + (C_i A_{i+1})ᵗ − A_i A_iᵗ [004 Eq 92]: for every pair with random feedback,
        for the top pair with skipped; A_{i+1}ᵗ A_{i+1} − A_i A_iᵗ with exact feedback [004 Eq 85].
        """
        pairs = list(itertools.pairwise(weights))
        if self.feedback == "exact":
            return tuple(upper.T @ upper - lower @ lower.T for lower, upper in pairs)
        coupled = list(zip(self.channel, pairs, strict=True))
        return tuple(
            c @ upper + (c @ upper).T - lower @ lower.T
            for c, (lower, upper) in (coupled if self.feedback == "random" else coupled[-1:])
        )

    def lyapunov(self, weights: Matrices) -> Float[Array, "n n"]:
        """V = C_1A_2A_2ᵗC_1ᵗ − A_1Mᵗ − MA_1ᵗ, M = C_1Σ_TIΣ_II⁻¹, which only decreases [004 Eq 109].

        For three layers with a channel; Σ_II must be invertible [004 Thm 8].
        """
        if len(self.channel) != 1:
            raise ValueError("V is known for three layers and random or skipped feedback only.")
        lower, upper = weights
        G = self.channel[0] @ upper
        M = self.channel[0] @ jnp.linalg.solve(self.sigma_ii, self.sigma_ti.T).T
        return G @ G.T - lower @ M.T - M @ lower.T


def _running_products(matrices: Sequence[Array], step: Any) -> Matrices:
    """The first matrix, and what `step` makes of each further one and the product so far."""
    products = list(matrices[:1])
    for matrix in matrices[1:]:
        products.append(step(products[-1], matrix))
    return tuple(products)


def _channel_shapes(sizes: tuple[int, ...], feedback: str) -> list[tuple[int, int]]:
    if feedback == "exact":
        return []
    hidden = sizes[1:-1]
    above = sizes[2:] if feedback == "random" else (sizes[-1],) * len(hidden)
    return list(zip(hidden, above, strict=True))


def linear_flow(
    sizes: Sequence[int],
    *,
    feedback: Feedback = "random",
    channel: Sequence[Any] | None = None,
    sigma_ti: Any = None,
    sigma_ii: Any = None,
    key: PRNGKeyArray | None = None,
) -> LinearFlow:
    """The weight flow of a deep linear network [004 Eq 81, 84, 87, 88, 111].

    **Arguments:** `sizes`, (N_0, …, N_L); `feedback`: "random", "skipped" or "exact"; `channel`,
    its matrices C_1 … C_{L−1} (N_i × N_{i+1} random, N_i × N_L skipped), drawn from the standard
    normal distribution with `key` if left out; `sigma_ti` = E(TIᵗ) and `sigma_ii` = E(IIᵗ), which
    are the identity unless given: white data, and targets equal to the inputs where the sizes
    allow. Raises `ValueError` where shapes do not fit or the channel is missing.

    >>> import jax, jax.numpy as jnp, neurodyn as nd
    >>> flow = nd.linear_flow((2, 2, 2), channel=[jnp.eye(2)])  # [004 Eq 111]
    >>> A, B = flow(0.0, (jnp.eye(2), jnp.zeros((2, 2))), None)
    >>> A.tolist(), B.tolist()
    ([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    """
    sizes = tuple(map(operator.index, sizes))
    require_feedback(feedback, ("random", "skipped", "exact"))
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes is {sizes}: give two or more positive whole numbers.")
    shapes = _channel_shapes(sizes, feedback)
    if channel is None:
        if shapes and key is None:
            raise ValueError(f"channel is missing: give its {len(shapes)} matrices, or a key.")
        keys = jax.random.split(key, len(shapes)) if shapes and key is not None else ()
        channel = [jax.random.normal(k, shape) for k, shape in zip(keys, shapes, strict=True)]
    if sigma_ii is None:
        sigma_ii = jnp.eye(sizes[0])
    if sigma_ti is None:
        sigma_ti = jnp.eye(sizes[-1], sizes[0])
    return LinearFlow(sizes, channel, sigma_ti, sigma_ii, feedback)


def expansive_flow(c: Any, alpha: Any, beta: Any) -> LinearFlow:
    """The weight flow of [1,N,1], da_i = c_i (α − βP) dt and db_i = a_i (α − βP) dt [004 Eq 57].

    **Arguments:** `c`, (N,), the random weights; `alpha` = E(IT); `beta` = E(I²). The state is
    (a as an N × 1 matrix, b as a 1 × N matrix).

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> flow = nd.expansive_flow(c=(1.0, -2.0), alpha=1.0, beta=1.0)
    >>> [rate.tolist() for rate in flow(0.0, (jnp.ones((2, 1)), jnp.zeros((1, 2))), None)]
    [[[1.0], [-2.0]], [[1.0, 1.0]]]
    """
    c = _row(c, "c")
    return linear_flow((1, len(c), 1), channel=[c[:, None]], sigma_ti=[[alpha]], sigma_ii=[[beta]])


def compressive_flow(c: Any, *, sigma_ti: Any = None, sigma_ii: Any = None) -> LinearFlow:
    """The weight flow of [N,1,N], dA = C(Σ_TI − BAΣ_II) dt, dB = (Σ_TI − BAΣ_II)Aᵗ dt [004 Eq 65].

    **Arguments:** `c`, (N,), the random weights; the moments are the identity unless given, the
    autoencoder on white data [004 Eq 68]. The state is (A, 1 × N; B, N × 1).
    """
    c = _row(c, "c")
    sizes = (len(c), 1, len(c))
    return linear_flow(sizes, channel=[c[None, :]], sigma_ti=sigma_ti, sigma_ii=sigma_ii)


def _row(values: Any, name: str) -> Array:
    row = concrete_array(values)
    if row.ndim != 1 or not row.size:
        raise ValueError(f"{name} has shape {row.shape}: give one number for each hidden unit.")
    return row
