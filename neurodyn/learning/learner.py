"""Learners: what one batch says about the weights, the same question for every family of rules.

    learner.step(net, x, y, key)  →  the net, refreshed, and a Step: change, loss, errors, settled
    learner.outputs(net, x)       →  the outputs of each sample, and whether it settled

None of them steps weights: `updates.py` does, with any optimiser. Both are for a batch, can be
traced by `jit`, and mapped by `vmap` over networks, and over the arrays of the learner itself.
"""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from ..aliases import Scalar
from ..cost import AbstractCost
from ..field import AbstractField
from ..resting import AbstractMethod, Settled
from ..settle import settle
from ..systems.pathway import Pathway
from .channel import Channel
from .contrast import contrast
from .feedback import feedback_change
from .gradient import equilibrium_gradient, recurrent_backprop
from .matrices import redrawn_channel, transposed_channel
from .phases import is_synapse
from .target import TARGET_RULES, decoder_change, require_targets

Batch = Float[Array, "batch _"]
Answers = tuple[Float[Array, "batch out"], Bool[Array, " batch"]]


class Step(NamedTuple):
    """What one batch says about the weights of a network.

    **Fields:** `change`, shaped like the net, a direction of descent, None for what does not
    learn; `loss`, the mean cost of the samples that settled freely, before the change; `wrong`, the
    share of all samples whose largest output is not that of the target, or that did not settle
    freely; `settled`, the share that settled in every phase.
    """

    change: PyTree
    loss: Scalar
    wrong: Scalar
    settled: Scalar


class AbstractLearner(eqx.Module):
    """A rule as training uses it.

    **To add your own:** subclass it and write the three methods, each for a batch. Options that are
    arrays can be mapped by `vmap`; plain numbers cannot, but are checked before anything runs.
    """

    @abc.abstractmethod
    def step(self, net: Any, x: Batch, y: Batch, key: PRNGKeyArray) -> tuple[AbstractField, Step]:
        """The net with what it keeps beside its weights brought up to date, and the change."""

    @abc.abstractmethod
    def outputs(self, net: Any, x: Batch) -> Answers:
        """The outputs, (batch, outputs), and whether each sample settled, (batch,)."""

    @abc.abstractmethod
    def gradient(self, net: Any, x: Batch, y: Batch) -> PyTree:
        """The exact gradient of the mean cost, shaped like the net: what changes are held against.

        Raises `NotSettledError` where a sample does not settle.
        """


class ContrastLearner(AbstractLearner):
    """The two-phase rules of `contrast`: `rule`, `beta`, `tol`, `method`, `max_time` as there.

    Samples that do not settle in every phase are left out of the change; a batch of which none does
    changes nothing.
    """

    rule: str
    cost: AbstractCost
    tol: float
    beta: float | None = None
    method: AbstractMethod | None = None
    max_time: float = 1000.0

    def step(self, net: Any, x: Batch, y: Batch, key: PRNGKeyArray) -> tuple[AbstractField, Step]:
        options: dict[str, Any] = {"rule": self.rule, "beta": self.beta, **_limits(self)}
        found = contrast(net, self.cost, None, x, y, unsettled="leave-out", **options)
        change = jax.tree.map(lambda c: jnp.where(found.used.any(), c, 0), found.change)
        free = found.phases["free"]
        outputs, costs = _read(net, self.cost, free.state, y)
        return net, step_of(change, outputs, y, costs, free.ok, found.used)

    def outputs(self, net: Any, x: Batch) -> Answers:
        return _settled_outputs(self, net, x)

    def gradient(self, net: Any, x: Batch, y: Batch) -> PyTree:
        return _settled_gradient(self, net, x, y)


class GradientLearner(AbstractLearner):
    """Descent along the exact gradient of the settled cost, by `recurrent_backprop`.

    What the local rules are held against. `tol`, `method` and `max_time` are those of both of its
    phases. A batch of which one sample does not settle in both changes nothing.
    """

    cost: AbstractCost
    tol: float
    method: AbstractMethod | None = None
    max_time: float = 1000.0

    def step(self, net: Any, x: Batch, y: Batch, key: PRNGKeyArray) -> tuple[AbstractField, Step]:
        free = settle(net, x, **_limits(self))
        uphill = recurrent_backprop(net, self.cost, free, x, y, **_limits(self))
        uphill = eqx.filter(uphill, is_synapse)
        fine = jnp.all(jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(uphill)]))
        change = jax.tree.map(lambda g: jnp.where(fine, -g, 0), uphill)
        outputs, costs = _read(net, self.cost, free.state, y)
        return net, step_of(change, outputs, y, costs, free.ok, free.ok & fine)

    def outputs(self, net: Any, x: Batch) -> Answers:
        return _settled_outputs(self, net, x)

    def gradient(self, net: Any, x: Batch, y: Batch) -> PyTree:
        return _settled_gradient(self, net, x, y)


class FeedbackLearner(AbstractLearner):
    """The rules of `feedback_change`, for a `Pathway` whose own feedback names the rule.

    **Fields:** `channel`, what happens to the errors on the way; `matrices`, what is done to the
    channel's matrices before each change: "kept", "redrawn" [004 Sec 4.2, item 1], with the mean
    `mean` in units of their standard deviation, or "transposed", which makes SBP of skipped
    feedback; `tol`, to which the signals settle by `Relax` [000 Algorithm 2], or None for the sweep
    from the top down that they settle to [000 Algorithm 1].
    """

    channel: Channel = Channel()
    matrices: str = "kept"
    mean: Any = 0.0
    tol: float | None = None

    def __check_init__(self):
        if self.matrices not in ("kept", "redrawn", "transposed"):
            raise ValueError(
                f"matrices is {self.matrices!r}: choose 'kept', 'redrawn' or 'transposed'."
            )

    def step(self, net: Any, x: Batch, y: Batch, key: PRNGKeyArray) -> tuple[Pathway, Step]:
        draw, drop = jax.random.split(key)
        if self.matrices == "redrawn":
            net = redrawn_channel(net, draw, mean=self.mean)
        elif self.matrices == "transposed":
            net = transposed_channel(net)
        signals = None if self.tol is None else settle(net, (x, y), tol=self.tol)
        change = feedback_change(net, x, y, channel=self.channel, key=drop, signals=signals)
        return net, _step_of_path(net, change, x, y, signals)

    def outputs(self, net: Any, x: Batch) -> Answers:
        return fed_forward(net, x)

    def gradient(self, net: Any, x: Batch, y: Batch) -> PyTree:
        return path_gradient(net, x, y)


class TargetLearner(AbstractLearner):
    """The rules of paper 002, for a `Pathway` with decoders: TP, DTP, DRL, L-DRL and FW-DTP.

    **Fields:** `rule`, as in `target_change`. The decoders are stepped here, `times` times at the
    `decoder_rate`, before the change of the forward weights is taken; `noise`, `damping` and
    `samples` as in `decoder_change`. "fw-dtp" leaves them as they are.
    """

    rule: str
    noise: Any = 0.1
    decoder_rate: Any = 0.01
    times: int = eqx.field(default=1, static=True)
    damping: Any = 0.0
    samples: int = eqx.field(default=1, static=True)

    def __check_init__(self):
        if self.rule not in TARGET_RULES:
            raise ValueError(
                f"unknown rule {self.rule!r}: choose one of {', '.join(TARGET_RULES)}."
            )

    def step(self, net: Any, x: Batch, y: Batch, key: PRNGKeyArray) -> tuple[Pathway, Step]:
        require_targets(net)
        loss = TARGET_RULES[self.rule].reconstruction
        if loss is not None:
            net = self._with_trained_decoders(net, x, loss, key)
        change = feedback_change(net, x, y)
        return net, _step_of_path(net, change, x, y)

    def outputs(self, net: Any, x: Batch) -> Answers:
        return fed_forward(net, x)

    def gradient(self, net: Any, x: Batch, y: Batch) -> PyTree:
        return path_gradient(net, x, y)

    def _with_trained_decoders(
        self, net: Pathway, x: Batch, loss: str, key: PRNGKeyArray
    ) -> Pathway:
        arrays, rest = eqx.partition(net, eqx.is_array)

        def trained(arrays, key):
            net = eqx.combine(arrays, rest)
            change = decoder_change(
                net,
                x,
                loss=loss,
                noise=self.noise,
                key=key,
                samples=self.samples,
                damping=self.damping,
            )
            moved = jax.tree.map(lambda c: jnp.asarray(self.decoder_rate, c.dtype) * c, change)
            return eqx.filter(eqx.apply_updates(net, moved), eqx.is_array), None

        arrays, _ = jax.lax.scan(trained, arrays, jax.random.split(key, self.times))
        return eqx.combine(arrays, rest)


@eqx.filter_jit
def path_gradient(path: Pathway, x: Batch, y: Batch) -> PyTree:
    """The gradient of the mean cost of the feed-forward net of `path`: weights and biases."""

    def places(net):
        return net.weights, net.biases

    def loss(values):
        net = eqx.tree_at(places, path, values)
        return jnp.mean(jax.vmap(lambda x, y: net.cost(net.forward(x).activities[-1], y))(x, y))

    nowhere = jax.tree.map(lambda _: None, path)
    return eqx.tree_at(places, nowhere, jax.grad(loss)(places(path)), is_leaf=lambda n: n is None)


Settling = ContrastLearner | GradientLearner


def _limits(learner: Settling) -> dict[str, Any]:
    """How each of its phases settles."""
    return {"tol": learner.tol, "method": learner.method, "max_time": learner.max_time}


def _settled_outputs(learner: Settling, net: AbstractField, x: Batch) -> Answers:
    free = settle(net, x, **_limits(learner))
    return jax.vmap(lambda s: learner.cost.output(net.read(s)))(free.state), free.ok


def _settled_gradient(learner: Settling, net: AbstractField, x: Batch, y: Batch) -> PyTree:
    free = settle(net, x, **_limits(learner)).require()
    return equilibrium_gradient(net, learner.cost, free, x, y)


def _read(net: AbstractField, cost: AbstractCost, state: PyTree, y: Batch) -> tuple[Array, Array]:
    """The outputs and the costs of a batch of free states."""

    def one(state, y):
        read = net.read(state)
        return cost.output(read), cost(read, y)

    return jax.vmap(one)(state, y)


def fed_forward(path: Any, x: Batch) -> Answers:
    """The outputs of a net with a `forward` pass, which always settles."""
    outputs = jax.vmap(lambda x: path.forward(x).activities[-1])(x)
    return outputs, jnp.ones(len(x), bool)


def _step_of_path(
    path: Pathway, change: PyTree, x: Batch, y: Batch, signals: Settled | None = None
) -> Step:
    outputs, ok = fed_forward(path, x)
    used = ok if signals is None else signals.ok
    return step_of(change, outputs, y, jax.vmap(path.cost)(outputs, y), ok, used)


def step_of(change: PyTree, outputs: Array, y: Batch, costs: Array, ok: Array, used: Array) -> Step:
    """The `Step` of samples: those that are `ok` settled freely, those `used` in every phase."""
    wrong = (jnp.argmax(outputs, axis=1) != jnp.argmax(y, axis=1)) | ~ok
    dtype = costs.dtype
    total = jnp.sum(jnp.where(ok, costs, 0))
    loss = total / jnp.sum(ok, dtype=dtype)  # 0/0, NaN, where none settled
    return Step(change, loss, jnp.mean(wrong, dtype=dtype), jnp.mean(used, dtype=dtype))
