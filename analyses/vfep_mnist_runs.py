"""The nets, the learners and the runs of `vfep_mnist.py`."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import published
from curves import images, trained

import neurodyn as nd
from neurodyn.learning.learner import Step, step_of

COST = nd.SquaredError()
BATCH, BETA, TOL, SEED = 20, 1.0, 1e-4, 0
RATES = {
    (784, 512, 512, 10): (0.4, 0.1, 0.01),
    (784, 512, 512, 512, 10): (1.0, 0.1, 0.04, 0.002),
}
TWO, THREE = RATES
EPSILON, FIRST, SECOND = 0.001, 200, 100
COARSER = 20  # so many printed steps are taken as one


class Euler(nd.AbstractLearner):
    """The printed recipe: so many clipped Euler steps from zero in either phase [003 Eq 59, App C].

    No phase is asked whether it settled: all samples count as if they had.
    """

    first: int
    second: int
    epsilon: float

    def run(self, field: Any, drive: Any, state: Any, steps: int) -> Any:
        """`steps` clipped steps of one sample."""

        def step(state, _):
            mu = field.flow(jnp.zeros_like(state[0], shape=()), state, drive)
            moved = zip(state, mu, strict=True)
            return tuple(jnp.clip(s + self.epsilon * m, 0, 1) for s, m in moved), None

        return jax.lax.scan(step, state, None, length=steps)[0]

    def free(self, net: Any, x: jax.Array) -> Any:
        """Where the first phase is broken off."""
        zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), net.shapes()[0])
        return jax.vmap(lambda x: self.run(net, net.drive(x), zero, self.first))(x)

    def step(self, net: Any, x: Any, y: Any, key: Any) -> tuple[Any, Step]:
        free, nudged = self.free(net, x), net.nudged(COST, BETA)

        def second(x, y, state):
            return self.run(nudged, nudged.drive((x, y)), state, self.second)

        ends = jax.vmap(second)(x, y, free)

        def score(net):  # its gradient is the contrast [003 Eq 56]
            def one(end, start, x):
                mu = net.flow(jnp.zeros_like(x, shape=()), start, net.drive(x))
                moved = jax.tree.map(lambda e, s: (e - s) / BETA, end, start)
                return sum(map(jnp.vdot, mu, moved))

            return jnp.mean(jax.vmap(one)(ends, free, x))

        costs, ok = jax.vmap(COST)(free, y), jnp.ones(len(x), bool)
        return net, step_of(eqx.filter_grad(score)(net), free[-1], y, costs, ok, ok)

    def outputs(self, net: Any, x: Any) -> Any:
        return self.free(net, x)[-1], jnp.ones(len(x), bool)

    def gradient(self, net: Any, x: Any, y: Any) -> Any:
        raise ValueError("the state is not at rest: it has no gradient at equilibrium.")


class Reading(NamedTuple):
    """One way to read the paper: `clipped` states or not, the learner, and for how many epochs."""

    about: str
    sizes: tuple[int, ...]
    clipped: bool
    learner: nd.AbstractLearner
    epochs: int


def settled(rule: str) -> nd.ContrastLearner:
    """A two-phase rule whose phases settle to the tolerance."""
    return nd.ContrastLearner(rule, COST, TOL, BETA, method=nd.Sweep())


READINGS = {
    "projected-2": Reading("clipped as Eq 59, settled", TWO, True, settled("ep"), 70),
    "projected-3": Reading("clipped as Eq 59, settled", THREE, True, settled("ep"), 70),
    "printed-2": Reading(
        "clipped as Eq 59, 200 and 100 steps of 0.001",
        TWO,
        False,
        Euler(FIRST // COARSER, SECOND // COARSER, COARSER * EPSILON),
        3,
    ),
    "plain-2": Reading("not clipped, settled", TWO, False, settled("ep"), 3),
    "exact-2": Reading("clipped, settled, exact nudge", TWO, True, settled("exact-nudge"), 4),
}

QUICK = {"projected-2": 12, "projected-3": 2, "printed-2": 1, "plain-2": 1, "exact-2": 5}


def plain(net: Any) -> nd.LayeredLeakyIntegrator:
    """The leaky integrators, also inside a `Projected`."""
    return getattr(net, "field", net)


def traces(net: Any) -> dict[str, float]:
    """tr(W_{k,k+1} W_{k+1,k}) of each pair of layers."""
    found = np.asarray(nd.trace_alignment(plain(net)))
    return {f"trace_{k}": float(value) for k, value in enumerate(found)}


def made(sizes: tuple[int, ...], clipped: bool) -> nd.AbstractField:
    """The net with Glorot weights."""
    net = nd.LayeredLeakyIntegrator.init(
        sizes, activation=nd.hard_sigmoid, key=jax.random.key(SEED), dtype=jnp.float32
    )
    return nd.Projected(net) if clipped else net


def run(name: str, options: published.Options) -> nd.Trained:
    """The run of one reading; of the quick form, a small net on digits."""
    reading = READINGS[name]
    sizes = (64, *(64 for _ in reading.sizes[1:-1]), 10) if options.quick else reading.sizes
    epochs = QUICK[name] if options.quick else reading.epochs
    rates = RATES[reading.sizes]
    return _taught(name, made(sizes, reading.clipped), reading.learner, rates, epochs, options)


def cooled(name: str, warm: nd.Trained, options: published.Options) -> nd.Trained:
    """A run taken up again at a tenth of its rates."""
    reading, epochs = READINGS[name], 1 if options.quick else 5
    rates = tuple(rate / 10 for rate in RATES[reading.sizes])
    return _taught(f"{name}-cooled", warm.net, reading.learner, rates, epochs, options)


def _taught(
    name: str,
    net: Any,
    learner: nd.AbstractLearner,
    rates: tuple[float, ...],
    epochs: int,
    options: published.Options,
) -> nd.Trained:
    return trained(
        f"vfep-{name}",
        net,
        learner,
        images(options.quick),
        options,
        optimiser=optax.chain(optax.sgd(1.0), nd.by_layer(rates)),
        epochs=epochs,
        batch=BATCH,
        seed=SEED,
        probe=20,
        look=traces,
        every=100,
    )
