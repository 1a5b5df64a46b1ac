"""The F-adjoint learns MNIST by its non-local and by its local rule [000 Sec 4].

    python analyses/fadjoint_mnist.py [--quick] [--out FOLDER]

A 784-128-10 net of logistic units with Xavier weights and biases, cross-entropy of logistic
outputs, plain descent at 0.001 on the SUM over a batch of 128. The non-local rule is the sweep from
the top down [Algorithm 1], the local one settles the signals in time [Algorithm 2, Eq 18, 19]. Both
see the same batches from the same weights, so that they can be held against each other weight by
weight. The tables are lost from the text; what is left is the claim that the two do alike. The text
does not say whether the cost is summed or averaged over the batch: at 0.001 the mean hardly learns,
so both readings are run.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import published
from curves import column, furthest, images, percent, trained

import neurodyn as nd
from neurodyn import plot

BATCH, RATE, TOL, SEED = 128, 1e-3, 1e-5, 0
READINGS = {"sum": RATE * BATCH, "mean": RATE}
EPOCHS = {"sum": 1000, "mean": 500, "local": 30}
QUICK = {"sum": 12, "mean": 12, "local": 4}
RULES: dict[str, nd.AbstractLearner] = {
    "non-local": nd.FeedbackLearner(),
    "local": nd.FeedbackLearner(tol=TOL),
}


def net(sizes: tuple[int, ...]) -> nd.Pathway:
    """The paper's net: the logistic output belongs to the cost."""
    return nd.Pathway.init(
        sizes,
        activation=nd.logistic,
        cost=nd.LogisticCrossEntropy(),
        key=jax.random.key(SEED),
        dtype=jnp.float32,
    )


def runs(options: published.Options) -> dict[str, dict[str, nd.Trained]]:
    """For each reading of the cost the net that each rule makes, and its history.

    "short" is the non-local rule for as many epochs as the local one.
    """
    sets = images(options.quick)
    sizes = (sets[0].images.shape[1], 32 if options.quick else 128, 10)
    epochs = QUICK if options.quick else EPOCHS
    how: dict[str, Any] = {"batch": BATCH, "seed": SEED, "every": 468}

    def run(reading: str, rule: str, count: int) -> nd.Trained:
        name = f"fadjoint-{reading}-{rule}-{count}"
        sgd = optax.sgd(READINGS[reading])
        return trained(
            name, net(sizes), RULES[rule], sets, options, optimiser=sgd, epochs=count, **how
        )

    return {
        reading: {
            "local": run(reading, "local", epochs["local"]),
            "short": run(reading, "non-local", epochs["local"]),
            "non-local": run(reading, "non-local", epochs[reading]),
        }
        for reading in READINGS
    }


def state_alike(report: published.Report, found: dict[str, dict[str, nd.Trained]]) -> None:
    """Whether the two rules do alike, and the non-local one is backpropagation."""
    numbers: dict[str, Any] = {}
    for reading, by_rule in found.items():
        local, short = by_rule["local"], by_rule["short"]
        ahead = np.array(column(local.history, "loss")) / column(short.history, "loss") - 1
        ends = [by_rule[rule].history[-1]["test_error"] for rule in ("local", "short")]
        numbers[reading] = {
            "epochs": len(local.history),
            "largest_relative_difference_of_loss": float(np.abs(ahead).max()),
            "largest_relative_difference_of_weights": furthest(local.net, short.net),
            "test_error": dict(zip(("local", "non-local"), ends, strict=True)),
            "settled": min(column(local.history, "settled")),
        }
    report.numbers["alike"] = numbers
    report.state(
        "local and non-local learning give similar results [Sec 4, 5]",
        ours="; ".join(
            f"{reading} over the batch, {n['epochs']} epochs: losses within "
            f"{n['largest_relative_difference_of_loss']:.1e} of each other, weights within "
            f"{n['largest_relative_difference_of_weights']:.1e} of the largest; test errors "
            f"{percent(n['test_error']['local'])} and {percent(n['test_error']['non-local'])}"
            for reading, n in numbers.items()
        ),
        reached=all(
            n["largest_relative_difference_of_loss"] < 1e-2 and n["settled"] == 1
            for n in numbers.values()
        ),
        why="the equilibrium is backpropagation itself, so that they differ by the tolerance to "
        f"which signals settle, {TOL:g}, and by rounding",
    )


def state_backprop(report: published.Report, options: published.Options) -> None:
    """The non-local change against minus the gradient, by automatic differentiation."""
    training, _ = images(options.quick)
    x, y = (jnp.asarray(a[:BATCH], jnp.float32) for a in (training.images, training.targets()))
    path, learner = net((x.shape[1], 128, 10)), RULES["non-local"]
    change = learner.step(path, x, y, jax.random.key(0))[1].change
    gradient = learner.gradient(path, x, y)
    apart = furthest(change, jax.tree.map(jnp.negative, gradient))
    report.numbers["difference_to_backprop"] = apart
    report.state(
        "the non-local rule is equivalent to standard back-propagation [Sec 5]",
        ours=f"on a batch of {BATCH}, equal to the gradient within {apart:.1e} of its largest",
        reached=apart < 1e-5,
    )


def state_curves(report: published.Report, found: dict[str, dict[str, nd.Trained]]) -> None:
    """What became of the errors over the epochs."""
    for reading, by_rule in found.items():
        history = by_rule["non-local"].history
        train, test = (column(history, name) for name in ("train_error", "test_error"))
        report.numbers[f"curve_{reading}"] = {"train_error": train, "test_error": test}
        best = int(np.argmin(test))
        report.measure(
            f"cost {'summed' if reading == 'sum' else 'averaged'} over the batch: errors",
            ours=f"after {len(test)} epochs {percent(train[-1])} of the training images and "
            f"{percent(test[-1])} of the test images; least on the test set "
            f"{percent(test[best])}, after epoch {best + 1}",
        )
    gap = {r: b["local"].history[-1] for r, b in found.items()}
    report.measure(
        "conjecture [Sec 5]: with the local rule, errors on both sets become alike",
        ours="; ".join(
            f"{r}: {percent(row['train_error'])} and {percent(row['test_error'])}"
            for r, row in gap.items()
        ),
        why="as with the non-local rule, whose curve it follows: the gap grows as training goes on",
    )


def draw(report: published.Report, found: dict[str, dict[str, nd.Trained]]) -> None:
    """Errors against epochs, for both readings."""
    with report.figure((8, 3)) as figure:
        axes = figure.subplots(1, len(found), sharey=True)
        for ax, (reading, by_rule) in zip(axes, found.items(), strict=True):
            for rule, colour, style in (
                ("non-local", plot.BLUE, "-"),
                ("local", plot.ORANGE, (0, (2, 2))),
            ):
                history = by_rule[rule].history
                for name, width in (("train_error", 1.0), ("test_error", 2.0)):
                    errors = 100 * np.array(column(history, name))
                    told = f"{rule}, {'test' if name == 'test_error' else 'training'}"
                    ax.loglog(
                        column(history, "epoch"),
                        np.where(errors > 0, errors, np.nan),
                        color=colour,
                        linestyle=style,
                        linewidth=width,
                        label=told,
                    )
            ax.set(xlabel="epoch", title=f"cost {reading} over the batch")
        axes[0].set_ylabel("errors (%)")
        axes[0].legend(fontsize=7)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, report, draw."""
    options = published.options(__doc__, argv)
    claim = "local ≈ non-local ≈ backpropagation"
    with published.analysis("fadjoint-mnist", "000 Sec 4", claim, options) as report:
        report.settings |= {"batch": BATCH, "rate": RATE, "tol": TOL, "dtype": "float32"}
        report.settings["data"] = "digits" if options.quick else "mnist"
        report.settings["epochs"] = QUICK if options.quick else EPOCHS
        report.seeds["weights and order"] = SEED
        state_backprop(report, options)
        found = runs(options)
        state_alike(report, found)
        state_curves(report, found)
        draw(report, found)


if __name__ == "__main__":
    main()
