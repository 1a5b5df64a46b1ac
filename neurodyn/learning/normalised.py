"""FW-DTP with batch normalisation after each tanh, the forward ones and those of the decoders.

    h_l = N(σ(W_l h_{l−1} + b_l)),  g_l(a) = N(σ(B_l a + c_l))  for hidden layers    [002 Sec 5]
    τ_l = g_{l+1}(τ_{l+1}) + h_l − g_{l+1}(h_{l+1})                                  [002 Eq 8]
    N(z) = γ (z − m)/√(v + ε) + δ                                         [Ioffe & Szegedy 2015]

A field works on one sample, so `NormalisedPathway` keeps m and v as numbers: those of the training
so far, or of one batch. `NormalisedLearner` is what looks at a batch.

What the paper leaves open, and what is chosen: the linear output is not normalised, as no tanh is
there; m and v of g_l are those of its values at the activities h_l, for g_l(τ_l) as well, so that
it is one function and h_l = τ_l is brought down to h_{l−1} = τ_{l−1}; γ and δ of the forward ones
are learnt by the same local losses, those of the fixed decoders stay at one and zero; and answers
are given with running means.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..aliases import Drive, Layers, State, Time
from ..cost import AbstractCost
from ..field import AbstractField, unit_leak
from ..systems.feedback import ForwardPass, TargetFeedback, require_shapes
from ..systems.leaky import Weights
from ..systems.pathway import Pathway, Sample
from .learner import AbstractLearner, Answers, Batch, Step, fed_forward, step_of
from .target import decoders_of, require_targets

EPSILON = 1e-8


class Normaliser(eqx.Module):
    """N(z) = `scale` (z − `mean`)/√(`variance` + ε) + `shift`, each (n,), with ε = 1e-8.

    >>> import jax.numpy as jnp
    >>> from neurodyn.learning.normalised import Normaliser
    >>> Normaliser(*jnp.array([[3.0], [4.0], [1.0], [0.0]]))(jnp.array([5.0])).round(3).tolist()
    [1.0]
    """

    mean: Float[Array, " n"]
    variance: Float[Array, " n"]
    scale: Float[Array, " n"]
    shift: Float[Array, " n"]

    def gain(self) -> Float[Array, " n"]:
        """∂N/∂z."""
        return self.scale / jnp.sqrt(self.variance + EPSILON)

    def __call__(self, z: Float[Array, " n"]) -> Float[Array, " n"]:
        return self.gain() * (z - self.mean) + self.shift

    def measuring(self, z: Float[Array, "batch n"]) -> "Normaliser":
        """The same with the mean and the variance of a batch."""
        return dataclasses.replace(self, mean=jnp.mean(z, axis=0), variance=jnp.var(z, axis=0))


class NormalisedDecoder(eqx.Module):
    """A decoder with a normaliser behind it."""

    decoder: Any
    normaliser: Normaliser

    def __call__(self, target: Float[Array, " n"]) -> Float[Array, " m"]:
        return self.normaliser(self.decoder(target))


class NormalisedPathway(AbstractField):
    """The targets of a `Pathway` whose hidden layers and decoders are normalised; see above.

    **Fields:** `path`, with targets as feedback; `up`, a `Normaliser` for each hidden layer, the
    first one first; `down`, one for each decoder. State and inputs are those of `path`, and so is
    what it settles to: the targets. Raises `TypeError` for a path that brings errors and
    `ValueError` for normalisers that do not fit. `normalised` makes one.
    """

    path: Pathway
    up: tuple[Normaliser, ...] = eqx.field(converter=tuple)
    down: tuple[Normaliser, ...] = eqx.field(converter=tuple)

    def __check_init__(self):
        require_targets(self.path)
        if self.path.sequential:
            raise ValueError("path is sequential: normalised layers all run at once.")
        shapes = [(n,) for n in self.path.sizes[1:-1]]
        require_shapes("up", [n.mean for n in self.up], shapes)
        require_shapes("down", [n.mean for n in self.down], shapes)

    @property
    def weights(self) -> Weights:
        return self.path.weights

    @property
    def feedback(self) -> TargetFeedback:
        """That of `path`, each decoder with its normaliser."""
        pairs = zip(decoders_of(self.path), self.down, strict=True)
        assert isinstance(self.path.feedback, TargetFeedback)
        decoders = tuple(NormalisedDecoder(decoder, n) for decoder, n in pairs)
        return dataclasses.replace(self.path.feedback, decoders=decoders)

    def shapes(self) -> tuple[PyTree, PyTree]:
        return self.path.shapes()

    def nudged(self, cost: AbstractCost, beta: Any) -> AbstractField:
        return self.path.nudged(cost, beta)

    def forward(self, x: Float[Array, " n"]) -> ForwardPass:
        """The forward pass; `slopes` are ∂h_l/∂Y_l, the normalisers' gains included."""
        activities, slopes = [x], []
        for k in range(len(self.path.weights)):
            y, sigma = _summed(self.path, k, activities[-1])
            h, slope = sigma(y), sigma.derivative(y)
            if k < len(self.up):
                h, slope = self.up[k](h), self.up[k].gain() * slope
            activities.append(h)
            slopes.append(slope)
        return ForwardPass(tuple(activities[1:]), tuple(slopes))

    def discrete(self, inputs: Sample) -> Layers:
        """The targets by one sweep from the top down: what the flow settles to."""
        top, prepared = self.drive(inputs)
        targets, feedback = (top,), self.feedback
        for k in reversed(range(len(prepared))):
            targets = (feedback.signal(k, targets, prepared[k]), *targets)
        return targets

    def drive(self, inputs: Sample, /) -> Drive:
        x, target = inputs
        done, path, feedback = self.forward(x), self.path, self.feedback
        output = done.activities[-1]
        gradient = path.strength.astype(output.dtype) * jax.grad(path.cost)(output, target)
        return feedback.top(output, gradient), feedback.prepare(path.weights, done)

    def leak(self) -> State:
        return unit_leak(self)

    def flow(self, t: Time, state: State, drive: Drive, /) -> State:
        (top, prepared), feedback = drive, self.feedback
        fed = [feedback.signal(k, state[k + 1 :], p) for k, p in enumerate(prepared)]
        return tuple(a - now for a, now in zip((*fed, top), state, strict=True))


def normalised(path: Pathway) -> NormalisedPathway:
    """`path` with normalisers that have seen nothing yet: means 0, variances 1.

    >>> import jax, jax.numpy as jnp, neurodyn as nd
    >>> path = nd.Pathway.init((4, 3, 2), feedback="difference", key=jax.random.key(0))
    >>> found, wanted = (net.forward(jnp.ones(4)).activities for net in (normalised(path), path))
    >>> all(map(jnp.allclose, found, wanted))
    True
    """
    dtype = path.weights[0].dtype

    def fresh(n):
        zeros, ones = jnp.zeros(n, dtype), jnp.ones(n, dtype)
        return Normaliser(zeros, ones, ones, zeros)

    hidden = path.sizes[1:-1]
    return NormalisedPathway(path, tuple(map(fresh, hidden)), tuple(map(fresh, hidden)))


class NormalisedLearner(AbstractLearner):
    """FW-DTP for a `NormalisedPathway`: local losses, with the statistics of the batch.

    The change is minus the gradient of the mean of L_l = ‖h_l − τ_l‖²/2β [002 Eq 6] by the weights,
    the biases, γ and δ of layer l, through the mean and the variance of the batch; inputs and
    targets of the layer are held fixed. `step` moves the running statistics by `momentum` towards
    those of the batch; `outputs` uses them.
    """

    momentum: Any = 0.1

    def step(
        self, net: Any, x: Batch, y: Batch, key: PRNGKeyArray
    ) -> tuple[NormalisedPathway, Step]:
        now, h = measured(net, x)
        targets = jax.vmap(lambda x, y: now.discrete((x, y)))(x, y)

        def total(values):
            losses = local_losses(eqx.tree_at(_learnt, net, values), (x, *h[:-1]), targets)
            return jnp.sum(losses)

        change = jax.tree.map(jnp.negative, jax.grad(total)(_learnt(net)))
        refreshed = eqx.tree_at(_statistics, net, _moved(net, now, self.momentum))
        costs, ok = jax.vmap(net.path.cost)(h[-1], y), jnp.ones(len(x), bool)
        return refreshed, step_of(_filled(net, change), h[-1], y, costs, ok, ok)

    def outputs(self, net: Any, x: Batch) -> Answers:
        return fed_forward(net, x)

    def gradient(self, net: Any, x: Batch, y: Batch) -> PyTree:
        def loss(values):
            outputs = measured(eqx.tree_at(_learnt, net, values), x)[1][-1]
            return jnp.mean(jax.vmap(net.path.cost)(outputs, y))

        return _filled(net, jax.grad(loss)(_learnt(net)))


def measured(net: NormalisedPathway, x: Batch) -> tuple[NormalisedPathway, tuple[Array, ...]]:
    """`net` with the statistics of the batch `x` in all normalisers, and its activities h_1 … h_L.

    A batch of one has no variance: all its hidden activities are δ.
    """
    h, up, down = [x], [], []
    for k in range(len(net.path.weights)):
        activity, normaliser = _raised(net, k, h[-1])
        h.append(activity)
        up.append(normaliser)
    for decoder, normaliser, above in zip(decoders_of(net.path), net.down, h[2:], strict=True):
        down.append(normaliser.measuring(jax.vmap(decoder)(above)))
    return dataclasses.replace(net, up=tuple(up[:-1]), down=tuple(down)), tuple(h[1:])


def local_losses(
    net: NormalisedPathway, below: tuple[Array, ...], targets: tuple[Array, ...]
) -> Float[Array, " layers"]:
    """The mean of L_l over a batch [002 Eq 6], given what leads into each layer and its targets."""
    losses = []
    for k, (h, target) in enumerate(zip(below, targets, strict=True)):
        gap = jnp.mean(jnp.sum((_raised(net, k, h)[0] - target) ** 2, axis=1))
        losses.append(gap / (2 * net.path.strength.astype(gap.dtype)))
    return jnp.stack(losses)


def _raised(net: NormalisedPathway, k: int, below: Batch) -> tuple[Batch, Normaliser | None]:
    """Layer k of a batch (0 the first hidden), and its normaliser with the batch's statistics."""

    def plain(h):
        y, sigma = _summed(net.path, k, h)
        return sigma(y)

    z = jax.vmap(plain)(below)
    if k == len(net.up):
        return z, None
    normaliser = net.up[k].measuring(z)
    return jax.vmap(normaliser)(z), normaliser


def _summed(path: Pathway, k: int, below: Float[Array, " n"]) -> tuple[Array, Any]:
    """Y of layer k, and the activation that it goes through."""
    last = k == len(path.weights) - 1
    sigma = path.output_activation if last else path.activation
    return path.weights[k] @ below + path.biases[k], sigma


def _learnt(net: NormalisedPathway) -> tuple[Any, ...]:
    """What local losses change: weights, biases, and scale and shift of hidden layers."""
    gains = [leaf for n in net.up for leaf in (n.scale, n.shift)]
    return (*net.path.weights, *net.path.biases, *gains)


def _statistics(net: NormalisedPathway) -> tuple[Any, ...]:
    return tuple(leaf for n in (*net.up, *net.down) for leaf in (n.mean, n.variance))


def _moved(net: NormalisedPathway, now: NormalisedPathway, momentum: Any) -> tuple[Any, ...]:
    def towards(old, new):
        return old + jnp.asarray(momentum).astype(old.dtype) * (new - old)

    return jax.tree.map(towards, _statistics(net), _statistics(now))


def _filled(net: NormalisedPathway, values: tuple[Any, ...]) -> PyTree:
    """`values` in the places of what is learnt, and None elsewhere."""
    nowhere = jax.tree.map(lambda _: None, net)
    return eqx.tree_at(_learnt, nowhere, values, is_leaf=lambda leaf: leaf is None)
