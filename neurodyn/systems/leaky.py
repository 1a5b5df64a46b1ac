"""Leaky integrators: ds/dt = W ρ(s) − s + drive, on any directed graph or in layers.

    [003 Eq 1]    ds_i/dt = Σ_j W_ij ρ(s_j) − s_i
    [003 Eq 6–8]  μ_k = W_{k,k−1} ρ(h_{k−1}) + W_{k,k+1} ρ(h_{k+1}) − h_k   in layers

The weights of the two directions are not tied. The paper counts layers from the output; here they
are counted from the input, so that layer 0 is x and the state is (first hidden, …, output).
"""

import operator
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree

from ..activation import tanh
from ..aliases import Layers, State, Time
from ..field import AbstractField, unit_leak

Weights = tuple[Float[Array, "_ _"], ...]


def as_matrix(weights: ArrayLike | Sequence) -> Array:
    """`weights` as a floating matrix; `ValueError` if they are not that."""
    try:
        matrix = jnp.asarray(weights)
    except (TypeError, ValueError) as error:
        raise ValueError(f"weights are not a matrix of numbers ({error})") from error
    if matrix.ndim != 2 or not jnp.issubdtype(matrix.dtype, jnp.floating):
        raise ValueError(
            f"weights have shape {matrix.shape} and dtype {matrix.dtype}: they must be floating "
            "matrices, (units after, units before)."
        )
    return matrix


def as_matrices(weights: Sequence) -> Weights:
    """Each of `weights` as a floating matrix."""
    return tuple(as_matrix(w) for w in weights)


def require_chained(name: str, weights: Weights) -> None:
    """Refuse layers of which one does not take the units that the one below has."""
    for k in range(1, len(weights)):
        units, found = len(weights[k - 1]), weights[k].shape
        if found[1] != units:
            raise ValueError(
                f"{name}[{k}] has shape {found}, but layer {k} has {units} units by "
                f"{name}[{k - 1}]: it needs {units} columns."
            )


def units_of(size: int, dtype) -> jax.ShapeDtypeStruct:
    """The shape and dtype of a layer of `size` units."""
    return jax.ShapeDtypeStruct((size,), dtype)


class LeakyIntegrator(AbstractField):
    """n leaky integrators on a directed graph: ds/dt = W ρ(s) − s + inputs [003 Eq 1].

    `weights[i, j]` is the synapse from unit j to unit i; `inputs`, (n,), is a constant current
    into each unit. Raises `ValueError` unless `weights` is square.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> rnn = nd.LeakyIntegrator(weights=jnp.eye(2), activation=nd.identity)
    >>> rnn(0.0, jnp.array([1.0, 2.0]), jnp.array([0.5, 0.0])).tolist()
    [0.5, 0.0]
    """

    weights: Float[Array, "_ _"] = eqx.field(converter=as_matrix)
    activation: Callable[[Array], Array] = eqx.field(default=tanh, static=True)

    def __check_init__(self):
        if self.weights.shape[0] != self.weights.shape[1]:
            raise ValueError(
                f"weights have shape {self.weights.shape}: they must be square (n, n)."
            )

    def shapes(self) -> tuple[PyTree, PyTree]:
        units = units_of(len(self.weights), self.weights.dtype)
        return units, units

    def flow(
        self, t: Time, state: Float[Array, " n"], drive: Float[Array, " n"], /
    ) -> Float[Array, " n"]:
        return self.weights @ self.activation(state) - state + drive  # [003 Eq 1]


class LayeredLeakyIntegrator(AbstractField):
    """Layers of leaky integrators with untied feedback, driven by a clamped input [003 Eq 6–8].

    `forward[k]`, (n_{k+1}, n_k), leads from layer k to layer k + 1, layer 0 being the input x,
    which acts through ρ(x). `feedback[k]`, (n_{k+1}, n_{k+2}), leads from layer k + 2 back to
    layer k + 1, so there is one fewer. The state is (first hidden, …, output).

    Raises `ValueError` where the shapes do not chain, naming the array.

    >>> import jax, neurodyn as nd
    >>> net = nd.LayeredLeakyIntegrator.init((4, 3, 2), key=jax.random.key(0))
    >>> [w.shape for w in net.forward], [b.shape for b in net.feedback], net.sizes
    ([(3, 4), (2, 3)], [(3, 2)], (4, 3, 2))
    """

    forward: Weights = eqx.field(converter=as_matrices)
    feedback: Weights = eqx.field(converter=as_matrices)
    activation: Callable[[Array], Array] = eqx.field(default=tanh, static=True)

    def __check_init__(self):
        if not self.forward or len(self.feedback) != len(self.forward) - 1:
            raise ValueError(
                f"forward holds {len(self.forward)} arrays and feedback {len(self.feedback)}: "
                "there must be at least one forward, and one feedback fewer."
            )
        if not all(w.size for w in (*self.forward, *self.feedback)):
            raise ValueError("a layer has no units: every weight matrix must have some entries.")
        if not callable(self.activation):
            raise TypeError(f"activation is {self.activation!r}: give a function, as nd.tanh.")
        if len({w.dtype for w in (*self.forward, *self.feedback)}) > 1:
            raise ValueError("forward and feedback must all have one dtype: cast them.")
        require_chained("forward", self.forward)
        for k in range(1, len(self.forward)):
            here = self.forward[k]
            if self.feedback[k - 1].shape != here.shape[::-1]:
                raise ValueError(
                    f"feedback[{k - 1}] has shape {self.feedback[k - 1].shape}, but it leads from "
                    f"layer {k + 1} to layer {k}: it needs {here.shape[::-1]}."
                )

    @staticmethod
    def init(
        sizes: Sequence[int],
        *,
        activation: Callable[[Array], Array] = tanh,
        key: PRNGKeyArray,
        dtype=None,
    ) -> "LayeredLeakyIntegrator":
        """Independent Glorot-uniform weights in both directions [Glorot & Bengio 2010].

        `sizes` is (inputs, first hidden, …, outputs). `dtype` is JAX's default float unless given.
        Raises `ValueError` unless there are two or more positive sizes.
        """
        sizes = tuple(map(operator.index, sizes))
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"sizes is {sizes}: give two or more positive whole numbers.")
        glorot = jax.nn.initializers.glorot_uniform(in_axis=1, out_axis=0)
        dtype = dtype or jnp.result_type(float)
        up, down = jax.random.split(key)

        def draw(key, shapes):
            keys = jax.random.split(key, len(shapes)) if shapes else ()
            return tuple(glorot(k, shape, dtype) for k, shape in zip(keys, shapes, strict=True))

        after_before = tuple(zip(sizes[1:], sizes[:-1], strict=True))
        transposed = tuple((n, m) for m, n in after_before[1:])
        return LayeredLeakyIntegrator(draw(up, after_before), draw(down, transposed), activation)

    @property
    def sizes(self) -> tuple[int, ...]:
        """(inputs, first hidden, …, outputs)."""
        return (self.forward[0].shape[1], *(w.shape[0] for w in self.forward))

    def shapes(self) -> tuple[PyTree, PyTree]:
        x, *layers = (units_of(n, self.forward[0].dtype) for n in self.sizes)
        return tuple(layers), x

    def drive(self, inputs: Float[Array, " n"], /) -> Float[Array, " m"]:
        return self.forward[0] @ self.activation(inputs)  # W_23 ρ(x) of [003 Eq 8], once

    def leak(self) -> State:
        return unit_leak(self)

    def flow(self, t: Time, state: Layers, drive: Float[Array, " m"], /) -> Layers:
        rates = [self.activation(h) for h in state]
        below = [drive] + [w @ r for w, r in zip(self.forward[1:], rates, strict=False)]
        above = [b @ r for b, r in zip(self.feedback, rates[1:], strict=True)]
        inner = zip(below, above, state, strict=False)
        hidden = tuple(up + down - h for up, down, h in inner)  # [003 Eq 7, 8]
        return (*hidden, below[-1] - state[-1])  # [003 Eq 6]
