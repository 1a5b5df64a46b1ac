"""Recipes: for each rule by name the network that it is for, its learner, and rates that work.

A recipe is a place to start from: rates and β are what learnt scikit-learn's digits on small nets.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ..activation import Activation, tanh
from ..cost import SoftmaxCrossEntropy, SquaredError
from ..field import AbstractField
from ..naming import closest
from ..resting import AbstractMethod
from ..sweep import Sweep
from ..systems.catalogue import NETWORKS
from ..systems.pathway import Pathway
from .channel import Channel
from .learner import (
    AbstractLearner,
    ContrastLearner,
    FeedbackLearner,
    GradientLearner,
    TargetLearner,
)

Teach = Callable[..., AbstractLearner]


class Recipe(NamedTuple):
    """How to train by a rule: `about` it in a few words, its `source`, and what it starts from.

    `network`, of `NETWORKS`, is the net that the rule is for; `rate` a learning rate; `beta` the
    influence parameter of a rule that nudges, or the step of the target of one of paper 002, None
    where there is neither; `activation`, None for the usual one of the net. Rules that follow the
    gradient get tanh: they never move a unit that is clipped.
    """

    about: str
    source: str
    network: str
    rate: float
    beta: float | None
    teach: Teach
    activation: Activation | None = None

    def make(
        self,
        sizes: Sequence[int],
        *,
        key: PRNGKeyArray,
        network: str | None = None,
        activation: Activation | None = None,
        beta: float | None = None,
        dtype: Any = jnp.float32,
    ) -> AbstractField:
        """The net with random weights, or another one by name; feed-forward ones get a softmax.

        `beta` is for the rules of paper 002, whose target is that of the net itself. Raises
        `ValueError` for an unknown network, and what its `init` does.
        """
        name = self.network if network is None else network
        if name not in NETWORKS:
            raise ValueError(f"unknown network {name!r}: {closest(name, NETWORKS)}")
        chosen = NETWORKS[name]
        usual = self.activation if network is None else None
        used = activation or usual or chosen.activation
        net = chosen.init(sizes, activation=used, key=key, dtype=dtype)
        if not isinstance(net, Pathway):
            return net
        step = self.beta if beta is None else beta
        strength = jnp.asarray(1.0 if step is None else step, jnp.result_type(float))
        return dataclasses.replace(net, cost=SoftmaxCrossEntropy(), strength=strength)

    def learner(
        self, *, beta: float | None = None, tol: float = 1e-4, **settling: Any
    ) -> AbstractLearner:
        """The learner; `settling` is the `method` and the `max_time` of a rule that settles."""
        return self.teach(beta=self.beta if beta is None else beta, tol=tol, **settling)


def _contrast(rule: str, method: AbstractMethod | None = None) -> Teach:
    def teach(beta: float | None, tol: float, **settling: Any) -> AbstractLearner:
        options: dict[str, Any] = {"method": method, **settling}
        return ContrastLearner(rule, SquaredError(), tol, beta, **options)

    return teach


def _gradient(beta: float | None, tol: float, **settling: Any) -> AbstractLearner:
    options: dict[str, Any] = {"method": _SWEEP, **settling}
    return GradientLearner(SquaredError(), tol, **options)


def _feedback(settles: bool = False, adaptive: bool = False, matrices: str = "kept") -> Teach:
    def teach(beta: float | None, tol: float, **settling: Any) -> AbstractLearner:
        channel = Channel(adaptive=adaptive)
        return FeedbackLearner(channel, matrices=matrices, tol=tol if settles else None)

    return teach


def _target(rule: str, **decoder: Any) -> Teach:
    def teach(beta: float | None, tol: float, **settling: Any) -> AbstractLearner:
        return TargetLearner(rule, **decoder)

    return teach


def _errors(about: str, source: str, network: str, **options: Any) -> Recipe:
    return Recipe(about, source, network, 0.2, None, _feedback(**options))


def _targets(about: str, source: str, rule: str) -> Recipe:
    network = "target-propagation" if rule == "tp" else "difference-target-propagation"
    return Recipe(about, source, network, 0.2, 0.1, _target(rule))


def _smooth(about: str, source: str, network: str, beta: float | None, teach: Teach) -> Recipe:
    return Recipe(about, source, network, 0.2, beta, teach, tanh)


_BACK, _RANDOM, _SKIPPED = "backprop", "random-feedback", "skipped-feedback"
_SWEEP = Sweep()  # for untied nets, where it ends where the flow does

RECIPES: dict[str, Recipe] = {
    "bp": _errors("errors by the transposed weights", "000 Eq 6", _BACK),
    "f-adjoint": _errors("the same, by signals that settle", "000 Eq 18, 19", _BACK, settles=True),
    "rbp": _errors("errors by random weights", "004 Eq 7", _RANDOM),
    "srbp": _errors("errors straight to each layer", "004 Sec 3", _SKIPPED),
    "sbp": _errors("the same by products of weights", "004 Sec 3", _SKIPPED, matrices="transposed"),
    "arbp": _errors("random weights that learn", "004 Sec 3", _RANDOM, adaptive=True),
    "asrbp": _errors("skipped ones that learn", "004 Sec 3", _SKIPPED, adaptive=True),
    "tp": _targets("targets by decoders", "002 Eq 4", "tp"),
    "dtp": _targets("targets, corrected by a difference", "002 Eq 8", "dtp"),
    "drl": _targets("the same, decoders look at the output", "Meulemans 2020", "drl"),
    "l-drl": _targets("the same, layer by layer", "Ernoult 2022", "l-drl"),
    "fw-dtp": _targets("the same, decoders stay random", "002 Sec 4", "fw-dtp"),
    "vfep": Recipe(
        "nudged against free, untied", "003 Eq 16", "projected", 0.1, 1.0, _contrast("ep", _SWEEP)
    ),
    "nu": Recipe(
        "the limit β → 0 of that",
        "003 Eq 33",
        "leaky",
        0.1,
        None,
        _contrast("nu", _SWEEP),
        activation=tanh,
    ),
    "exact-nudge": _smooth(
        "a nudge that transposes ∂μ/∂s", "our own", "leaky", 1.0, _contrast("exact-nudge", _SWEEP)
    ),
    "exact-nudge-centred": _smooth(
        "the same by β against −β",
        "our own",
        "leaky",
        0.1,
        _contrast("exact-nudge-centred", _SWEEP),
    ),
    "gradient": Recipe(
        "the exact gradient", "003 Cor 7", "leaky", 0.1, None, _gradient, activation=tanh
    ),
    "ep": _smooth("nudged against free, tied", "001 Eq 3.11", "hopfield", 0.5, _contrast("ep")),
    "ep-centred": _smooth(
        "the same by β against −β", "001 Eq 3.11", "hopfield", 0.2, _contrast("ep-centred")
    ),
    "chl": _smooth("output clamped against free", "001 §3.2", "hopfield", None, _contrast("chl")),
    "coupled": _smooth(
        "output moved towards its target", "001 §3.2", "hopfield", 0.2, _contrast("coupled")
    ),
    "chl-discounted": _smooth(
        "clamped against free, layers weighted",
        "Xie & Seung 2003",
        "discounted",
        None,
        _contrast("chl-discounted"),
    ),
    "dual-propagation": _smooth(
        "s⁺ against s⁻, feed-forward",
        "001 Eq 4.7",
        "dual-propagation",
        0.2,
        _contrast("dyadic", _SWEEP),
    ),
    "dyadic-symmetric": _smooth(
        "s⁺ against s⁻, tied", "001 Eq 4.7", "symmetric-dyadic", 0.2, _contrast("dyadic")
    ),
    "dyadic-skew": _smooth(
        "s⁺ against s⁻, skew", "001 Eq 4.7", "skew-dyadic", 0.2, _contrast("dyadic", _SWEEP)
    ),
}
"""The rules that can be trained by, by name."""


def recipe(name: str) -> Recipe:
    """The recipe of a rule; `ValueError` for an unknown name.

    >>> import jax, neurodyn as nd
    >>> chosen = nd.recipe("srbp")
    >>> net, learner = chosen.make((64, 32, 10), key=jax.random.key(0)), chosen.learner()
    >>> net.feedback.kind, learner.channel.adaptive
    ('skipped', False)
    """
    if name not in RECIPES:
        raise ValueError(f"unknown rule {name!r}: {closest(str(name), RECIPES)}")
    return RECIPES[name]
