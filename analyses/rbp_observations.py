"""The observations of paper 004 on random feedback, one run or measurement each [004 Sec 4.2, 6].

    python analyses/rbp_observations.py [--quick] [--out FOLDER] [--runs FOLDER] [--report]

The net, the rates and the options are those of rbp_mnist.py, for fewer epochs; the variations are
in rbp_rules.py, what concerns single changes in rbp_facts.py.
"""

from collections.abc import Sequence
from typing import Any

import kept
import numpy as np
import published
import rbp_facts as facts
import rbp_runs as runs
from rbp_rules import VARIANTS
from rbp_runs import Images, Run

from neurodyn import plot

EPOCHS, SEEDS = 10, 2
QUICK = (
    "RBP",
    "SRBP",
    "top layer only",
    "RBP, redrawn",
    "SRBP, size of errors",
    "SRBP, each synapse",
)
SAME, ALIKE = 1.0, 5.0  # per cent, between "unchanged" and between "similar" accuracies


Accuracies = dict[str, float]  # on the test images, in per cent, by the name of the variant


def told(at: Accuracies, *names: str) -> str:
    """The accuracies in words, in the order of the names."""
    return ", ".join(f"{name} {at[name]:.1f}" for name in names)


def known(at: Accuracies, *names: str) -> bool:
    """Whether all of these have run."""
    return set(names) <= set(at)


def state_matrices(report: published.Report, at: Accuracies, found: dict[str, Run]) -> None:
    """Items 1 to 3: the distribution of the matrices."""
    names = "top layer only", "RBP, redrawn", "RBP"
    if known(at, *names):
        slow = [name for name in ("SRBP, redrawn", "RBP, redrawn, rate 0.01") if known(at, name)]
        report.state(
            "item 1: matrices redrawn for each batch, mean 0: poor, as the top layer alone",
            ours=told(at, *names, *slow),
            reached=abs(at[names[1]] - at[names[0]]) < ALIKE,
            why="poor, but worse than the top layer alone: hidden layers walk at random",
        )
    names = "BP", "RBP", "RBP, sign-concordant"
    if known(at, *names):
        report.measure(
            "item 2: redrawn, with the signs of the forward weights: training error goes to 0 %",
            ours="; ".join(f"{name} {_falling(found[name])}" for name in names),
            why=f"on the way there, if slowly: {found[names[2]]['epochs']} epochs do not tell",
        )
    for rule in ("RBP", "SRBP"):
        names = rule, f"{rule}, mean σ", f"{rule}, uniform, mean σ"
        if known(at, *names):
            report.state(
                f"item 3: {rule} with matrices of non-zero mean: performance is unchanged",
                ours=told(at, *names),
                reached=max(abs(at[rule] - at[name]) for name in names[1:]) <= SAME,
                why=f"after {found[rule]['epochs']} epochs; the standard deviation over seeds is "
                f"up to {max(runs.accuracy(found[name])[1] for name in names):.1f}",
            )


def _falling(run: Run) -> str:
    """Training errors halfway and at the end."""
    half = run["epochs"] // 2
    first, last = (100 - runs.accuracy(run, "train", n)[0] for n in (half, run["epochs"]))
    return f"{first:.1f} % in epoch {half}, {last:.1f} % in epoch {run['epochs']}"


def state_layers(report: published.Report, at: Accuracies) -> None:
    """Item 4: fixing one layer, or it and all below."""
    alone = {2: "layer 2 fixed", 3: "layer 3 fixed", 4: "layer 4 fixed"}
    below = {2: "layers 1–2 fixed", 3: "layers 1–3 fixed", 4: "top layer only"}
    if not known(at, *alone.values(), *below.values()):
        return
    worse = [k for k in alone if at[alone[k]] < at[below[k]]]
    report.state(
        "item 4: fixing the weights of layer h alone is often worse than fixing layers l ≤ h",
        ours=told(at, "SRBP", "layer 1 fixed")
        + "; "
        + "; ".join(told(at, alone[k], below[k]) for k in alone)
        + f": worse for {len(worse)} of {len(alone)}",
        reached=bool(worse),
        why="our text of the paper has lost the sign between l and h; ≤ is our reading",
    )


def state_signs(report: published.Report, at: Accuracies, found: dict[str, Run]) -> None:
    """Items 5 to 7: what of the error must be known."""
    top = "top layer only"
    for what in ("errors", "changes"):
        name = f"SRBP, sign of {what}"
        if known(at, name, top, "SRBP"):
            report.state(
                f"item 5: the sign of the {what} alone: better than the top layer alone, worse "
                "than SRBP",
                ours=told(at, top, name, "SRBP"),
                reached=at[top] < at[name] < at["SRBP"],
            )
        name = f"SRBP, size of {what}"
        if known(at, name, top):
            report.state(
                f"item 6: the absolute value of the {what} alone: does not work at all",
                ours=told(at, name, top),
                reached=at[name] < at[top],
            )
    name = "SRBP, each synapse"
    if known(at, name, top):
        epochs = found[name]["epochs"]
        level = runs.accuracy(found[top], epochs=epochs)[0]
        report.state(
            "item 7: a random weight for each synapse, not each unit: does not work at all",
            ours=f"{told(at, name)}, {top} {level:.1f}, both after {epochs} epochs",
            reached=at[name] < level,
            why="hidden layers that learn so are worse than random ones; the top still learns",
        )


def state_training(report: published.Report, at: Accuracies) -> None:
    """Facts 4 and 5, as far as they speak of training."""
    names = "RBP", "RBP, congruent at first"
    if known(at, *names):
        report.state(
            "Fact 4: congruent weights are not necessary, but can be helpful",
            ours=told(at, *names),
            reached=at[names[1]] >= at[names[0]],
        )
    names = "SRBP", "RBP", "SRBP, no f′"
    if known(at, *names):
        report.state(
            "Fact 5: the slopes of the layers above are not needed, those of the layer itself are",
            ours=told(at, *names),
            reached=at["SRBP"] > at["RBP"] - SAME and at["SRBP"] > at["SRBP, no f′"] + SAME,
        )


def state_changes(report: published.Report, images: Images, updates: int) -> None:
    """Facts 1 to 4 and 6: what holds for any one change."""
    gaps = facts.gaps(images, updates)
    worst = {what: max(gap[what] for gap in gaps.values()) for what in ("top layer", "turned")}
    report.state(
        "Fact 1: the top layer follows the gradient, whatever comes down",
        ours=f"relative gap at most {worst['top layer']:.0e}: {', '.join(gaps)}",
        reached=worst["top layer"] < 1e-12,
    )
    report.state(
        "Fact 2: turning the sign of T − O turns all changes",
        ours=f"relative gap at most {worst['turned']:.0e}",
        reached=worst["turned"] < 1e-12,
    )
    exact = {name: gap["silent"] for name, gap in gaps.items() if "bits" not in name}
    lifted = max(gap["silent"] for name, gap in gaps.items() if "bits" in name)
    report.state(
        "Fact 3: where T = O nothing changes",
        ours=f"at most {max(exact.values()):.0e} of a usual change is left",
        reached=max(exact.values()) < 1e-12,
        why=f"up to rounding, which quantised errors make {lifted:.0%}: they lift all but zero",
    )
    signs = facts.same_signs(images)
    report.state(
        "Fact 4: [N0, N1, 1], congruent: every entry of a change has the sign of the gradient's",
        ours=f"{signs['concordant, least']:.0%} of the entries; {signs['random, mean']:.0%} where "
        "signs are random",
        reached=signs["concordant, least"] == 1,
    )
    found = facts.classes(images)
    report.state(
        "Fact 6: at the start error signals are alike within a class, roughly orthogonal across; "
        "half of the classes go the way of BP",
        ours=f"cosine {found['within a class']:.3f} within a class, {found['across classes']:.3f} "
        f"across; {found['agreed']:.0%} of the classes",
        reached=found["within a class"] > 0.8
        and abs(found["across classes"]) < 0.2
        and 0.3 < found["agreed"] < 0.7,
        why="across, −1/9 is what ten vectors that add up to nothing have",
    )
    report.numbers |= {"gaps": gaps, "signs": signs, "classes": found}


def draw(figure: Any, found: dict[str, Run]) -> None:
    """Test accuracy of every variant."""
    ax = figure.subplots()
    names = list(found)
    for k, name in enumerate(names):
        rule = name.split(",")[0]
        looks = {"BP": (plot.BLUE, "o"), "RBP": (plot.ORANGE, "s"), "SRBP": (plot.GREEN, "^")}
        colour, marker = looks.get(rule, (plot.GREY, "D"))
        values = 100 * (1 - np.array(found[name]["test"])[:, -1])
        ax.plot(values, [k] * len(values), marker, color=colour, markersize=4, clip_on=False)
        ax.annotate(
            f"{values.mean():.1f}",
            (values.max(), k),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel="test accuracy (%)", xlim=(0, 106))
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", linewidth=0.3)


def train(options: kept.Options, images: Images, epochs: int, seeds: int) -> dict[str, Run]:
    """Every run that there is, after those that were missing are done."""
    found = kept.finished(options.file)
    wanted = QUICK if options.plain.quick else VARIANTS
    for name in wanted if options.train else ():
        if not runs.done(found, name, epochs):
            found[name] = runs.learn(
                VARIANTS[name], images, seeds=range(seeds), epochs=epochs, name=name
            )
            kept.keep(found[name], options.file)
    return {name: found[name] for name in VARIANTS if name in found}


def main(argv: Sequence[str] | None = None) -> None:
    options = kept.options("rbp-observations", __doc__, argv)
    quick = options.plain.quick
    claim = "what random feedback needs, and what it does without"
    source = "004 Sec 4.2 items 1–7, Facts 1–6"
    with published.analysis("rbp-observations", source, claim, options.plain) as report:
        images = runs.digits() if quick else runs.mnist()
        epochs, seeds = (15, 1) if quick else (EPOCHS, SEEDS)
        found = train(options, images, epochs, seeds)
        report.seeds |= {"first": 0, "most": seeds}
        report.settings |= {"rate": runs.RATE, "decay": runs.DECAY}
        report.settings["epochs"] = {name: run["epochs"] for name, run in found.items()}
        report.settings["seeds"] = {name: run["seeds"] for name, run in found.items()}
        at = {name: runs.accuracy(run)[0] for name, run in found.items()}
        state_matrices(report, at, found)
        state_layers(report, at)
        state_signs(report, at, found)
        state_training(report, at)
        state_changes(report, images, updates=75 if quick else 600)
        report.numbers["accuracy"] = {name: runs.accuracy(run) for name, run in found.items()}
        report.numbers["seconds of training"] = {n: run["seconds"] for n, run in found.items()}
        with report.figure((7, 1 + 0.22 * len(found))) as figure:
            draw(figure, found)


if __name__ == "__main__":
    main()
