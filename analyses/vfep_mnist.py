"""Equilibrium propagation of a vector field learns MNIST [003 Fig 3, Table 1].

    python analyses/vfep_mnist.py [--quick] [--out FOLDER]

Layered leaky integrators with independent weights in both directions, hard sigmoid, batches of 20,
β = 1 and the printed rates of the layers. The printed recipe takes 200 and 100 clipped Euler steps
of 0.001, 0.2 and 0.1 leak time constants: no phase settles. So it is run as printed, in steps 20
times as long over the same times, and with phases that settle: with states clipped to [0, 1], as
App C has them, and without. Along the way stand the alignment of the weights of both directions,
tr(W_k,k+1 W_k+1,k), and the angle of the changes to minus the exact gradient. Beside them the exact
nudge, which follows the gradient.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import published
import vfep_mnist_runs as runs
from curves import column, images, percent
from vfep_mnist_runs import EPSILON, FIRST, RATES, READINGS, SECOND, Euler, made

import neurodyn as nd
from neurodyn import plot
from neurodyn.learning.updates import error_rate

Row = dict[str, float]
COLOURS = dict(
    zip(READINGS, (plot.BLUE, plot.PURPLE, plot.RED, plot.ORANGE, plot.GREEN), strict=True)
)
LABELS = {
    "projected-2": "settled, clipped",
    "projected-3": "the same, 3 hidden layers",
    "printed-2": "printed steps",
    "plain-2": "settled, not clipped",
    "exact-2": "settled, clipped, exact nudge",
}


def best(history: list[Row], name: str) -> tuple[float, int]:
    """The least of one error, and the epoch."""
    errors = column(history, name)
    return min(errors), int(np.argmin(errors)) + 1


def left(run: nd.Trained, learner: nd.AbstractLearner, quick: bool) -> float:
    """The share of the training images that the last weights get wrong."""
    training = images(quick)[0]
    x, y = (jnp.asarray(array, jnp.float32) for array in (training.images, training.targets()))
    return float(eqx.filter_jit(error_rate)(learner, run.net, x, y))


def state_errors(
    report: published.Report, found: dict[str, nd.Trained], wrong: dict[str, float]
) -> None:
    """The errors that the settled, clipped reading comes to, for both nets."""
    quick = report.options.quick
    for name, deep in (("projected-2", "2"), ("projected-3", "3")):
        history = found[name].history
        train, test = (column(history, n)[-1] for n in ("train_error", "test_error"))
        after = wrong[name]
        report.state(
            f"{deep} hidden layers: training error 0.00 % in about 70 epochs [Fig 3, Table 1]",
            ours=f"{percent(after)} by the weights after {len(history)} epochs; judged before the "
            f"updates {percent(train)}, at least {percent(best(history, 'train_error')[0])}",
            difference=f"{100 * after:+.2f} points",
            reached=after < (0.1 if quick else 5e-4),
            why="phases settled, states clipped"
            + ("" if len(history) >= 70 or quick else "; fewer epochs, and still falling"),
        )
        report.state(
            f"{deep} hidden layers: test error 2 to 3 % [Table 1]",
            ours=f"{percent(test)} after {len(history)} epochs",
            difference="within" if 0.02 <= test <= 0.03 else f"{100 * test - 2.5:+.2f} points",
            reached=test <= (0.2 if quick else 0.03),
            why="one seed, no choice of an epoch"
            + ("" if len(history) >= 50 or quick else "; far fewer epochs than the paper's"),
        )


def measure_cooled(
    report: published.Report, found: dict[str, nd.Trained], wrong: dict[str, float]
) -> None:
    """What is left of the training errors when the steps are made smaller."""
    name, quick = "projected-2", report.options.quick
    cold = runs.cooled(name, found[name], report.options)
    after = left(cold, READINGS[name].learner, quick)
    report.measure(
        "the same, the rates a tenth for a few more epochs",
        ours=f"2 hidden layers: {percent(wrong[name])} of the training images wrong "
        f"before, {percent(after)} {len(cold.history)} epochs later, and "
        f"{percent(cold.history[-1]['test_error'])} of the test images",
        why="whether the plateau is one of the steps or of the rule",
    )


def state_traces(report: published.Report, found: dict[str, nd.Trained]) -> None:
    """Whether the two directions align, and go on doing so."""
    told, fine = [], True
    for name in ("projected-2", "projected-3"):
        history, pairs = found[name].history, len(READINGS[name].sizes) - 2
        for k in range(pairs):
            trace = column(history, f"trace_{k}")
            grown = float(np.mean(np.diff(trace) > 0)) if len(trace) > 1 else 0.0
            told.append(f"{LABELS[name]}, pair {k + 1}: {trace[0]:.3g} to {trace[-1]:.3g}")
            fine &= min(trace) > 0 and trace[-1] > trace[0]
            report.numbers.setdefault("share of epochs in which a trace grew", {})[
                f"{name}, pair {k + 1}"
            ] = grown
    report.state(
        "tr(W_k,k+1 W_k+1,k) > 0, and growing [Fig 3]",
        ours="after the first and the last epoch: " + "; ".join(told),
        reached=fine,
        why="random weights start near zero; at the lowest pair it is there within an epoch",
    )


def state_settling(report: published.Report, found: dict[str, nd.Trained]) -> None:
    """The share of the samples that settled."""
    shares = {n: column(found[n].history, "settled") for n in found if n != "printed-2"}
    least = {name: min(share) for name, share in shares.items()}
    report.numbers["least share settled in an epoch"] = least
    report.state(
        "the dynamics almost always converges [Sec 3, 5]",
        ours="; ".join(f"{LABELS[n]}: {percent(s)} in the worst epoch" for n, s in least.items()),
        reached=min(least[n] for n in ("projected-2", "projected-3")) > 0.99,
        why="both phases, to a residual of 1e-4",
    )


def state_printed(report: published.Report, found: dict[str, nd.Trained], quick: bool) -> None:
    """The printed recipe, how far it is from rest, and that coarser steps are the same."""
    sizes = (64, 64, 64, 10) if quick else runs.TWO
    net, training = made(sizes, False), images(quick)[0]
    x = jnp.asarray(training.images[: runs.BATCH], jnp.float32)
    fine = Euler(FIRST, SECOND, EPSILON).free(net, x)
    coarse = READINGS["printed-2"].learner
    assert isinstance(coarse, Euler)
    settled = nd.settle(made(sizes, True), x, tol=runs.TOL, method=nd.Sweep()).require().state
    size = max(float(jnp.max(jnp.abs(s))) for s in settled)

    def apart(a: Any, b: Any) -> float:
        gaps = [float(jnp.max(jnp.abs(u - v))) for u, v in zip(a, b, strict=True)]
        return max(gaps) / size

    away, same = apart(fine, settled), apart(coarse.free(net, x), fine)
    report.numbers["printed"] = {"distance to rest": away, "coarser against printed": same}
    history = found["printed-2"].history
    report.state(
        f"{FIRST} and {SECOND} steps of {EPSILON:g} learn MNIST at the printed rates [Table 1]",
        ours=f"test error {percent(history[-1]['test_error'])} after {len(history)} epochs; the "
        f"first phase is broken off {percent(away)} of the largest activity away from rest",
        reached=history[-1]["test_error"] < 0.03,
        why=f"run in steps of {coarse.epsilon:g} over the same times, within {same:.1e} of the "
        "printed ones; with states that far from rest and these rates, learning runs away",
    )


def measure_others(report: published.Report, found: dict[str, nd.Trained]) -> None:
    """What no paper states: other flows, the exact nudge, the angles."""
    for name in ("plain-2", "exact-2"):
        history = found[name].history
        test, train = history[-1]["test_error"], history[-1]["train_error"]
        report.measure(
            f"{READINGS[name].about}, at the same rates",
            ours=f"after {len(history)} epochs {percent(train)} of the training images and "
            f"{percent(test)} of the test images wrong",
            why="the rates were chosen for another flow" if name == "plain-2" else "",
        )
    angles = {}
    for name, run in found.items():
        cosines = np.array([row.get("cosine", np.nan) for row in run.history])
        if np.isfinite(cosines).any():
            angles[name] = [float(np.nanmin(cosines)), float(np.nanmax(cosines))]
    report.numbers["cosine to minus the exact gradient, least and most"] = angles
    report.measure(
        "cosine of the change to minus the exact gradient, 20 images, least and most of an epoch",
        ours="; ".join(f"{LABELS[n]}: {lo:.3f} to {hi:.3f}" for n, (lo, hi) in angles.items()),
    )


def draw(report: published.Report, found: dict[str, nd.Trained]) -> None:
    """Errors, alignment of the weights, and angles against epochs."""
    with report.figure((10, 3.2)) as figure:
        errors, traces, angles = figure.subplots(1, 3)
        for name, run in found.items():
            epochs, colour = column(run.history, "epoch"), COLOURS[name]
            test, train = (
                100 * np.array(column(run.history, n)) for n in ("test_error", "train_error")
            )
            errors.semilogy(epochs, test, color=colour, label=LABELS[name])
            errors.semilogy(epochs, np.where(train > 0, train, np.nan), ":", color=colour)
            for k in range(len(READINGS[name].sizes) - 2):
                style = ("-", "--", ":")[k]
                traces.plot(epochs, column(run.history, f"trace_{k}"), style, color=colour)
            cosines = [row.get("cosine", np.nan) for row in run.history]
            angles.plot(epochs, np.degrees(np.arccos(np.clip(cosines, -1, 1))), color=colour)
        errors.set(xlabel="epoch", ylabel="errors (%)", title="test (dotted: training)")
        traces.set(xlabel="epoch", title="tr(W$_{k,k+1}$ W$_{k+1,k}$)", yscale="symlog")
        angles.axhline(90, color=plot.BLACK, linewidth=0.8, linestyle="--")
        angles.set(xlabel="epoch", ylabel="degrees", title="angle to −gradient", ylim=(0, 100))
        errors.legend(fontsize=6.5)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, report, draw."""
    options = published.options(__doc__, argv)
    claim = "training error 0.00 % in about 70 epochs, test error 2 to 3 %; positive traces"
    with published.analysis("vfep-mnist", "003 Fig 3, Table 1", claim, options) as report:
        report.settings |= {"batch": runs.BATCH, "beta": runs.BETA, "tol": runs.TOL}
        report.settings["rates"] = {str(sizes): rates for sizes, rates in RATES.items()}
        report.settings["data"] = "digits" if options.quick else "mnist"
        report.seeds["weights and order"] = runs.SEED
        found = {name: runs.run(name, options) for name in READINGS}
        report.settings["epochs"] = {name: len(run.history) for name, run in found.items()}
        report.numbers["errors"] = {
            name: {n: column(run.history, n) for n in ("train_error", "test_error")}
            for name, run in found.items()
        }
        wrong = {
            name: left(found[name], READINGS[name].learner, options.quick)
            for name in ("projected-2", "projected-3")
        }
        state_errors(report, found, wrong)
        measure_cooled(report, found, wrong)
        state_traces(report, found)
        state_settling(report, found)
        state_printed(report, found, options.quick)
        measure_others(report, found)
        draw(report, found)


if __name__ == "__main__":
    main()
