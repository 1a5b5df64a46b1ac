"""The weight change that the signals of a pathway carry: one product at each synapse.

    ΔW_l = B_l h_{l−1}ᵗ,  Δb_l = B_l          B_l, the estimate of −∂C/∂Y_l [004 Eq 3, 6; 000 Eq 19]
    ΔC_{k,j} = h_k B_jᵗ                       adaptive channels [004 Sec 3, ARBP and ASRBP]

The feedback of the `Pathway` names the rule: exact for backpropagation and the F-adjoint, random
for RBP, skipped for SRBP, with `transposed_channel` for SBP, and targets for those of `target.py`.
Between two layers ΔC is the transpose of ΔW: adaptive random feedback keeps C − Wᵗ.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray, PyTree

from ..batching import prepare
from ..field import is_concrete
from ..resting import Settled
from ..settle import residual
from ..systems.pathway import Pathway
from .channel import Channel
from .gradient import rest_bound
from .matrices import channel_of, routes

_residual = eqx.filter_jit(residual)


def feedback_change(
    path: Pathway,
    x: PyTree,
    y: PyTree,
    *,
    channel: Channel | None = None,
    key: PRNGKeyArray | None = None,
    signals: Settled | None = None,
) -> Pathway:
    """The weight change of a pathway's rule, a direction of descent: the mean over the samples.

    With exact feedback it is minus the gradient of the cost. For the top layer it always is, unless
    updates are quantised [004 Fact 1].

    **Arguments:** `x`, (inputs,), and `y`, (outputs,), for one sample or with a leading batch axis
    each; `channel`, what happens to the errors on the way and to the change; `key`, for its
    dropout, which each sample draws for itself; `signals`, what `settle(path, (x, y), …)` returned,
    or None for the sweep from the top down that it settles to. For settled signals of an altered
    channel, settle and give `channel.through(path)` itself.

    **Returns** the change, shaped like `path`: `weights` and `biases`, the matrices of the channel
    if it is adaptive, and None for all else. Divided by `path.strength`, as `path.errors` is.

    **Raises** `TypeError` for anything but a `Pathway`; `NotSettledError` where a sample of
    `signals` did not settle; `ValueError` for inputs that do not fit, for signals of other inputs
    or of another channel, a dropout without `key`, and an adaptive channel without matrices.

    >>> import jax, jax.numpy as jnp, neurodyn as nd
    >>> path = nd.Pathway.init((4, 3, 2), feedback="random", key=jax.random.key(0))
    >>> x, y = jnp.ones((5, 4)), jnp.array([1.0, 0.0])
    >>> change = feedback_change(path, x, y)
    >>> [w.shape for w in change.weights], change.feedback.channel
    ([(3, 4), (2, 3)], (None,))
    >>> adapted = feedback_change(path, x, y, channel=Channel(adaptive=True))
    >>> bool(jnp.allclose(adapted.feedback.channel[0], adapted.weights[1].T))
    True
    """
    if not isinstance(path, Pathway):
        raise TypeError(f"path is a {type(path).__name__}: give a Pathway.")
    channel = Channel() if channel is None else channel
    _require_channel(path, channel)
    state, (x, y), batch = prepare(path, None if signals is None else signals.state, (x, y))
    if signals is not None:
        _require_signals(path, channel, signals, state, (x, y))
    if batch is None:
        state, x, y = jax.tree.map(lambda leaf: leaf[None], (state, x, y))
    return _mean_change(path, channel, (x, y), None if signals is None else state, key)


@eqx.filter_jit
def _mean_change(path, channel, inputs, signals, key) -> Pathway:
    keys = None if key is None else jax.random.split(key, len(inputs[0]))

    def one(sample, state, key):
        altered = channel.through(path, key)
        state = altered.discrete(sample) if state is None else state
        state = jax.tree.map(lambda signal: channel.written(signal, "signal"), state)
        return altered.errors(state, sample), altered.forward(sample[0]).activities

    errors, activities = jax.vmap(one)(inputs, signals, keys)
    below = (inputs[0], *activities[:-1])
    change = [_mean_product(channel, e, h) for e, h in zip(errors, below, strict=True)]
    change += [jnp.mean(channel.written(error, "product"), axis=0) for error in errors]
    if channel.adaptive:
        change += [_mean_product(channel, activities[k], errors[j]) for k, j in routes(path)]
    return _filled(path, channel, change)


def _mean_product(channel: Channel, after: Array, before: Array) -> Array:
    """The mean over the batch of the outer products, each written as the channel can."""
    if not channel.writes_products:
        return jnp.einsum("bi,bj->ij", after, before) / len(after)

    def add(total, sample):  # one after the other: all of them at once would fill the memory
        above, below = sample
        return total + channel.written(above[:, None] * below[None, :], "product"), None

    total = jnp.zeros((after.shape[1], before.shape[1]), after.dtype)
    return jax.lax.scan(add, total, (after, before))[0] / len(after)


def _filled(path: Pathway, channel: Channel, change: list[Array]) -> Pathway:
    """`change` in the places that it is for, and None elsewhere."""

    def places(tree):
        return (*tree.weights, *tree.biases, *(channel_of(tree) if channel.adaptive else ()))

    nowhere = jax.tree.map(lambda _: False, path)
    there = eqx.tree_at(places, nowhere, replace_fn=lambda _: True)
    return eqx.filter(eqx.tree_at(places, path, change), there)


def _require_channel(path: Pathway, channel: Channel) -> None:
    if not isinstance(channel, Channel):
        raise TypeError(f"channel is a {type(channel).__name__}: give a neurodyn.Channel.")
    if channel.adaptive and not channel_of(path):
        raise ValueError(
            "channel is adaptive, but path has no channel matrices to change: build it with "
            "feedback='random' or 'skipped', and a hidden layer."
        )


def _require_signals(
    path: Pathway, channel: Channel, signals: Settled, state: PyTree, inputs: PyTree
) -> None:
    """Refuse signals that did not settle, or settled to something else."""
    if channel.alters_signals:
        raise ValueError(
            "signals settled without what channel does to them: settle channel.through(path), and "
            "give that path."
        )
    if not is_concrete(signals.residual):
        return
    signals.require()
    found = float(_residual(path, state, inputs).max())
    if found > float(rest_bound(signals)):
        raise ValueError(
            f"signals are not those of path, x and y: their residual is {found:.3g}; give "
            "settle(path, (x, y), …), or None."
        )
