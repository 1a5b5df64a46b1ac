"""Recipes: for each rule by name the network that it is for, its learner, and rates that work.

A recipe is a place to start from: rates and β are what learnt scikit-learn's digits on small nets.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ..activation import Activation
from ..cost import SoftmaxCrossEntropy, SquaredError
from ..field import AbstractField
from ..naming import closest
from ..settle import AbstractMethod
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
    where there is neither.
    """

    about: str
    source: str
    network: str
    rate: float
    beta: float | None
    teach: Teach

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
        used = chosen.activation if activation is None else activation
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
    options: dict[str, Any] = {"method": Sweep(), **settling}
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


_CLIPPED, _HOPFIELD, _BACK = "projected", "hopfield", "backprop"
_RANDOM, _SKIPPED = "random-feedback", "skipped-feedback"
_TARGET, _DIFFERENCE = "target-propagation", "difference-target-propagation"

RECIPES: dict[str, Recipe] = {
    "bp": Recipe("errors by the transposed weights", "000 Eq 6", _BACK, 0.2, None, _feedback()),
    "f-adjoint": Recipe(
        "the same, by signals that settle", "000 Eq 18, 19", _BACK, 0.2, None, _feedback(True)
    ),
    "rbp": Recipe("errors by random weights", "004 Eq 7", _RANDOM, 0.2, None, _feedback()),
    "srbp": Recipe("errors straight to each layer", "004 Sec 3", _SKIPPED, 0.2, None, _feedback()),
    "sbp": Recipe(
        "the same by products of transposed weights",
        "004 Sec 3",
        _SKIPPED,
        0.2,
        None,
        _feedback(matrices="transposed"),
    ),
    "arbp": Recipe(
        "random weights that learn", "004 Sec 3", _RANDOM, 0.2, None, _feedback(adaptive=True)
    ),
    "asrbp": Recipe(
        "skipped ones that learn", "004 Sec 3", _SKIPPED, 0.2, None, _feedback(adaptive=True)
    ),
    "tp": Recipe("targets by decoders", "002 Eq 4", _TARGET, 0.2, 0.1, _target("tp")),
    "dtp": Recipe(
        "targets, corrected by a difference", "002 Eq 8", _DIFFERENCE, 0.2, 0.1, _target("dtp")
    ),
    "drl": Recipe(
        "the same, decoders reconstruct from the output",
        "Meulemans 2020",
        _DIFFERENCE,
        0.2,
        0.1,
        _target("drl"),
    ),
    "l-drl": Recipe(
        "the same, layer by layer", "Ernoult 2022", _DIFFERENCE, 0.2, 0.1, _target("l-drl")
    ),
    "fw-dtp": Recipe(
        "the same, decoders stay random", "002 Sec 4", _DIFFERENCE, 0.2, 0.1, _target("fw-dtp")
    ),
    "vfep": Recipe(
        "nudged against free, untied", "003 Eq 16", _CLIPPED, 0.1, 1.0, _contrast("ep", Sweep())
    ),
    "nu": Recipe("the limit β → 0 of that", "003 Eq 33", _CLIPPED, 0.1, None, _contrast("nu")),
    "exact-nudge": Recipe(
        "a nudge that transposes ∂μ/∂s",
        "see ExactNudge",
        _CLIPPED,
        0.1,
        1.0,
        _contrast("exact-nudge", Sweep()),
    ),
    "exact-nudge-centred": Recipe(
        "the same by β against −β",
        "",
        _CLIPPED,
        0.1,
        0.1,
        _contrast("exact-nudge-centred", Sweep()),
    ),
    "gradient": Recipe("the exact gradient", "003 Cor 7", _CLIPPED, 0.1, None, _gradient),
    "ep": Recipe("nudged against free, tied", "001 Eq 3.11", _HOPFIELD, 0.1, 0.5, _contrast("ep")),
    "ep-centred": Recipe(
        "the same by β against −β", "001 Eq 3.11", _HOPFIELD, 0.1, 0.2, _contrast("ep-centred")
    ),
    "chl": Recipe(
        "output clamped against free", "001 §3.2", _HOPFIELD, 0.1, None, _contrast("chl")
    ),
    "coupled": Recipe(
        "output moved towards its target", "001 §3.2", _HOPFIELD, 0.1, 0.2, _contrast("coupled")
    ),
    "chl-discounted": Recipe(
        "clamped against free, layers weighted",
        "Xie & Seung 2003",
        "discounted",
        0.1,
        None,
        _contrast("chl-discounted"),
    ),
    "dual-propagation": Recipe(
        "s⁺ against s⁻, feed-forward",
        "001 Eq 4.7",
        "dual-propagation",
        0.1,
        0.2,
        _contrast("dyadic"),
    ),
    "dyadic-symmetric": Recipe(
        "s⁺ against s⁻, tied", "001 Eq 4.7", "symmetric-dyadic", 0.1, 0.2, _contrast("dyadic")
    ),
    "dyadic-skew": Recipe(
        "s⁺ against s⁻, skew", "001 Eq 4.7", "skew-dyadic", 0.1, 0.2, _contrast("dyadic")
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
