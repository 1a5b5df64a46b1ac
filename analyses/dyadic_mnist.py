"""Dual propagation learns MNIST beside backpropagation [001 ch 5, papers C and D].

    python analyses/dyadic_mnist.py [--quick] [--out FOLDER]

A feed-forward net of dyads (λ = ½), 784-256-256-10, tanh, settles in one nudged phase and changes
by (s⁺ − s⁻) s̄ᵀ/β [001 Eq 4.7]. Beside it the same net, from the same weights and over the same
batches, learns by backpropagation. The dyads have no biases, so the other net keeps its own at
zero. The cost is half the squared error of the rates. The papers C and D are not at hand: their
claim, that dual propagation does as backpropagation, is taken from the thesis.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import published
from curves import column, images, percent, trained

import neurodyn as nd
from neurodyn import plot
from neurodyn.alignment import alignment
from neurodyn.learning.learner import Step

BATCH, RATE, TOL, SEED = 100, 0.2, 1e-4, 0
BETAS = (0.1, 0.5, 1.0)
TRAINED = (0.1, 0.5)
EPOCHS, QUICK = 30, 8
COST = nd.SquaredError()
COLOURS = (plot.ORANGE, plot.GREEN)


class Unbiased(nd.AbstractLearner):
    """Backpropagation that leaves the biases alone."""

    inner: nd.AbstractLearner = nd.FeedbackLearner()

    def step(self, net: Any, x: Any, y: Any, key: Any) -> tuple[Any, Step]:
        net, told = self.inner.step(net, x, y, key)
        change = eqx.tree_at(lambda c: c.biases, told.change, (None,) * len(net.biases))
        return net, told._replace(change=change)

    def outputs(self, net: Any, x: Any) -> Any:
        return self.inner.outputs(net, x)

    def gradient(self, net: Any, x: Any, y: Any) -> Any:
        return self.inner.gradient(net, x, y)


def dyads(sizes: tuple[int, ...]) -> nd.LayeredDyadic:
    """The feed-forward net of two-state neurons."""
    key = jax.random.key(SEED)
    return nd.LayeredDyadic.init(sizes, lam=0.5, activation=nd.tanh, key=key, dtype=jnp.float32)


def path(net: nd.LayeredDyadic) -> nd.Pathway:
    """The feed-forward net of the same weights."""
    zeros = [jnp.zeros(len(w), jnp.float32) for w in net.forward]
    return nd.Pathway(net.forward, zeros, cost=COST, activation=nd.tanh, output_activation=nd.tanh)


def dyadic(beta: float) -> nd.ContrastLearner:
    """Dual propagation."""
    return nd.ContrastLearner("dyadic", COST, TOL, beta, method=nd.Sweep())


def runs(options: published.Options) -> dict[str, nd.Trained]:
    """The run of backpropagation, and of dual propagation for each β."""
    sets = images(options.quick)
    sizes = (64, 32, 32, 10) if options.quick else (784, 256, 256, 10)
    how: dict[str, Any] = {
        "optimiser": optax.sgd(RATE),
        "epochs": QUICK if options.quick else EPOCHS,
        "batch": 20 if options.quick else BATCH,
        "seed": SEED,
        "every": 100,
    }
    net = dyads(sizes)
    found = {"backprop": trained("dyadic-backprop", path(net), Unbiased(), sets, options, **how)}
    for beta in TRAINED:
        name = f"dyadic-{beta:g}"
        found[f"β = {beta:g}"] = trained(name, net, dyadic(beta), sets, options, **how)
    return found


def state_changes(report: published.Report, options: published.Options) -> None:
    """One change of dual propagation against minus the gradient of the feed-forward net."""
    training, _ = images(options.quick)
    x, y = (jnp.asarray(a[:BATCH], jnp.float32) for a in (training.images, training.targets()))
    net = dyads((x.shape[1], 32, 32, 10))
    gradient = Unbiased().gradient(path(net), x, y)
    uphill = {f"{k}": w for k, w in enumerate(gradient.weights)}
    cosines = {}
    for beta in BETAS:
        change = dyadic(beta).step(net, x, y, jax.random.key(0))[1].change
        changes = {f"{k}": w for k, w in enumerate(change.forward)}
        cosines[f"{beta:g}"] = float(alignment(changes, uphill).cosine)
    report.numbers["cosine of one change to minus the gradient"] = cosines
    report.state(
        "dual propagation (λ = ½) takes the steps of backpropagation [001 Sec 4.2]",
        ours="; ".join(f"β = {b}: 1 − cosine = {1 - c:.1e}" for b, c in cosines.items()),
        reached=cosines[f"{BETAS[0]:g}"] > 0.9999,
        why=f"random weights, {BATCH} images, float32; the difference is O(β²)",
    )


def state_curves(report: published.Report, found: dict[str, nd.Trained]) -> None:
    """Whether dual propagation learns as well."""
    last = {name: trained.history[-1] for name, trained in found.items()}
    for name, run in found.items():
        report.numbers[name] = {k: column(run.history, k) for k in ("train_error", "test_error")}
    apart = {n: r["test_error"] - last["backprop"]["test_error"] for n, r in last.items()}
    settled = min(min(column(run.history, "settled")) for run in found.values())
    report.state(
        "dual propagation learns MNIST as backpropagation does [001 ch 5]",
        ours="test errors "
        + "; ".join(f"{name}: {percent(row['test_error'])}" for name, row in last.items())
        + f", after {len(found['backprop'].history)} epochs; settled {percent(settled)} at least",
        difference="; ".join(
            f"{name}: {100 * d:+.2f} points" for name, d in apart.items() if name != "backprop"
        ),
        reached=abs(apart[f"β = {BETAS[0]:g}"]) < 0.005 and settled > 0.99,
        why="one seed; the published numbers are in papers that are not at hand",
    )


def draw(report: published.Report, found: dict[str, nd.Trained]) -> None:
    """Training and test errors against epochs."""
    with report.figure((7, 3)) as figure:
        axes = figure.subplots(1, 2)
        looks = {"backprop": plot.BLACK, **dict(zip(list(found)[1:], COLOURS, strict=True))}
        for ax, name in zip(axes, ("train_error", "test_error"), strict=True):
            for run, colour in looks.items():
                errors = 100 * np.array(column(found[run].history, name))
                style = "-" if run == "backprop" else (0, (3, 1.5))
                label = run if run == "backprop" else f"dual propagation, {run}"
                epochs = column(found[run].history, "epoch")
                ax.semilogy(epochs, errors, color=colour, linestyle=style, label=label)
            which = "training" if name == "train_error" else "test"
            ax.set(xlabel="epoch", ylabel=f"{which} errors (%)")
        axes[0].legend(fontsize=7)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, report, draw."""
    options = published.options(__doc__, argv)
    claim = "dual propagation does as backpropagation"
    with published.analysis("dyadic-mnist", "001 ch 5", claim, options) as report:
        report.settings |= {"batch": BATCH, "rate": RATE, "tol": TOL, "betas": BETAS}
        report.settings |= {"data": "digits" if options.quick else "mnist", "dtype": "float32"}
        report.seeds["weights and order"] = SEED
        state_changes(report, options)
        found = runs(options)
        state_curves(report, found)
        draw(report, found)


if __name__ == "__main__":
    main()
