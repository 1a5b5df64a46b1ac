"""Linear chains under random backpropagation end where the algebra says [004 Thm 2–4].

    python analyses/chain_endpoints.py [--quick] [--out FOLDER]

Chains of L = 2 … 6 weights learn from random rational starts, with feedback weights and α of both
signs. Where the integrated flow comes to rest is compared with the certified end point, a root of
one polynomial of degree 2^L − 1. Then come the cases in which something goes wrong, and exact
backpropagation from the same starts.
"""

from collections.abc import Sequence
from typing import Any

import chain_runs
import endpoints
import numpy as np
import published
from chain_runs import TIMES, Draws
from endpoints import CLOSE, METHOD, TOL, Comparison
from rich.progress import track

import neurodyn as nd
from neurodyn import plot
from neurodyn.systems.chain import ChainFeedback

LENGTHS = (2, 3, 4, 5, 6)
OUTCOMES = ("minimum", "at a saddle", "on the way to a saddle")

TRIO = (plot.BLUE, plot.ORANGE, plot.GREEN)

Outcomes = tuple[dict[str, int], np.ndarray]


def outcomes(draws: Draws, feedback: ChainFeedback) -> Outcomes:
    """How many runs reach the least error, a saddle with P = 0 or neither, and when they rest."""
    found = chain_runs.settled(draws, feedback)
    P = np.prod(np.asarray(found.state), axis=1)
    least = np.abs(draws.alpha / 10 - draws.beta / 10 * P) < 1e-6
    rests = nd.verdict_names(found.verdict) == "settled"
    reached = (least, rests & ~least, ~rests & ~least)
    counts = {name: int(which.sum()) for name, which in zip(OUTCOMES, reached, strict=True)}
    # a_i² − a_j² is conserved, and at a saddle at least two weights vanish
    sizes = np.sort(np.abs(draws.start), axis=1)
    counts["missed, and the two smallest weights equal"] = int(
        (~least & (sizes[:, 0] == sizes[:, 1])).sum()
    )
    return counts, np.where(rests, np.asarray(found.time), np.inf)


def main(argv: Sequence[str] | None = None) -> None:
    options = published.options(__doc__, argv)
    lengths, count = ((2, 3, 4), 10) if options.quick else (LENGTHS, 400)
    rng = np.random.default_rng(0)
    promise = "every run converges to the predicted point"
    with published.analysis("chain-endpoints", "004 Thm 2–4", promise, options) as report:
        report.seeds["draws"] = 0
        report.settings |= {
            "lengths": lengths,
            "runs_per_length": count,
            "draws": chain_runs.draw.__doc__,
            "tol": TOL,
            "agreement": CLOSE,
            "accuracy": METHOD.accuracy,
            "solver": type(METHOD.solver).__name__,
            "max_time": chain_runs.MAX_TIME,
        }
        draws = {length: chain_runs.draw(rng, count, length) for length in lengths}
        runs = {
            length: chain_runs.against_certified(draws[length])
            for length in track(lengths, "random chains")
        }
        state_ends(report, runs)
        state_exceptions(report)
        state_degenerate(report, rng, min(count, 100))
        random = {length: outcomes(draws[length], "random") for length in lengths}
        exact = {length: outcomes(draws[length], "exact") for length in lengths}
        state_backpropagation(report, random, exact)
        with report.figure((9, 5.2)) as figure:
            draw_page(figure, runs, random, exact)


def state_ends(report: published.Report, runs: dict[int, Comparison]) -> None:
    """The theorems themselves."""
    report.numbers["ends"] = {f"L = {length}": run.numbers() for length, run in runs.items()}
    for theorem, lengths in (("2", [2]), ("3", [3]), ("4", [n for n in runs if n > 3])):
        told, why = endpoints.in_words([runs[length] for length in lengths])
        report.state(
            f"Thm {theorem}, L = {', '.join(map(str, lengths))}: every run converges, to the next "
            "root in the direction of the start",
            ours=told,
            reached=all(runs[length].agree.all() for length in lengths),
            why=why,
        )


def state_exceptions(report: published.Report) -> None:
    """What the theorems leave out: a tangency, a triple root, no fixed point at all."""
    touch, triple = chain_runs.tangency(), chain_runs.triple_root()
    never = chain_runs.without_limit()
    report.numbers |= {"tangency": touch, "triple root": triple, "c2 = a2(0) = 0": never}
    report.state(
        "Thm 2: all fixed points but those inside the parabola attract",
        ours=f"from (−2, 1/2): {touch['verdict']} at t = 1000, "
        f"(−1 − a₁)t = {touch['distance times t']:.4f}, predicted 2/3",
        reached=touch["verdict"] == "settled",
        why="the point on the parabola attracts from one side only, and there like 1/t",
    )
    report.measure(
        "α = 0: the fixed points are the axes, the origin a triple root, a₁ = 1/√(4 + t)",
        ours=f"{triple['verdict']}; off by {triple['gap at t = 200']:.0e} at t = 200",
    )
    report.state(
        "Thm 3: with c₂ = 0 the chain is a shorter one, which always converges",
        ours=f"{never['verdict']} at t = 1000 with a₁ = {never['a1(1000)']:.6g} = 1/2 + t; "
        f"certified: {never['certified']}",
        reached=never["verdict"] == "settled",
        why="from a₂(0) = 0, P stays 0: a frozen weight must not be zero",
    )


def state_degenerate(report: published.Report, rng: np.random.Generator, count: int) -> None:
    """Unstable starts, one frozen weight, β = 0 and a negative top weight, over random draws."""
    at_rest = {n: chain_runs.unstable_starts(rng, count, n) for n in (2, 3, 4)}
    frozen = {n: chain_runs.against_certified(chain_runs.one_frozen(rng, count, n)) for n in (2, 4)}
    silent = chain_runs.against_certified(chain_runs.silent_inputs(rng, count, 3))
    negative = {
        n: chain_runs.against_certified(chain_runs.draw(rng, count, n), top=-1) for n in (2, 3, 4)
    }
    report.numbers |= {
        "starts on the unstable side": at_rest,
        "one c_i = 0": {n: run.numbers() for n, run in frozen.items()},
        "beta = 0": silent.numbers(),
        "top = -1": {n: run.numbers() for n, run in negative.items()},
    }
    starts = sum(found["starts"] for found in at_rest.values())
    report.measure(
        "starts on the unstable side of α = βP",
        ours=f"{sum(found['settled'] for found in at_rest.values())} of {starts} settle at once, "
        f"{sum(found['repelling'] for found in at_rest.values())} of them told as repelling by "
        "linearise",
        why=f"rates as certified to {max(f['worst rate gap'] for f in at_rest.values()):.0e}",
    )
    told, why = endpoints.in_words(list(frozen.values()))
    report.measure("one c_i = 0, the frozen weight not zero", ours=told, why=why)
    report.measure(
        "β = 0 with α ≠ 0, which no data have",
        ours=f"{(silent.verdict == 'settled').sum()} of {silent.verdict.size} settle; certified: "
        f"{(silent.kind == 'diverges').sum()} diverge",
    )
    report.measure(
        "a negative random top weight, c_L = −1",
        ours=top_in_words(negative),
        why="the leading coefficient of Q turns positive: Thm 1 no longer forbids blow-up",
    )


def top_in_words(runs: dict[int, Comparison]) -> str:
    """How the verdicts of the integration fit the certificates where runs may blow up."""
    kind, verdict, agree = (
        np.concatenate([getattr(run, name) for run in runs.values()])
        for name in ("kind", "verdict", "agree")
    )
    blown, told = kind == "diverges", verdict == "diverged"
    return (
        f"{blown.sum()} of {kind.size} blow up by the certificate, {(blown & told).sum()} of them "
        f"by integration; of the other {(~blown).sum()}, {(agree & ~blown).sum()} end where "
        "certified"
    )


def state_backpropagation(
    report: published.Report, random: dict[int, Outcomes], exact: dict[int, Outcomes]
) -> None:
    """Exact feedback from the same starts."""
    for name, found in (("random", random), ("exact", exact)):
        report.numbers[f"{name} feedback"] = {
            f"L = {n}": {**counts, "median time": float(np.median(times))}
            for n, (counts, times) in found.items()
        }
    report.measure(
        "exact backpropagation from the same starts",
        ours="; ".join(
            f"L = {n}: {', '.join(f'{counts[name]} {name}' for name in OUTCOMES if counts[name])}"
            for n, (counts, _) in exact.items()
        ),
        why="a_i² − a_j² is conserved: only starts whose two smallest weights are equal in size "
        "can go to a saddle, and tenths often are",
    )


def draw_page(
    figure: Any,
    runs: dict[int, Comparison],
    random: dict[int, Outcomes],
    exact: dict[int, Outcomes],
) -> None:
    """One panel for each length, then slow approaches, outcomes and times to rest."""
    above, below = figure.subfigures(2, 1)
    panels = above.subplots(1, len(runs), sharey=True, sharex=True)
    for ax, (length, comparison) in zip(panels, runs.items(), strict=True):
        endpoints.scatter(ax, comparison, f"L = {length}, {len(comparison.gap)} runs")
    for ax in panels:
        endpoints.guides(ax)
    panels[0].set_ylabel("|integrated − certified|, relative")
    panels[-1].legend(loc="upper right", bbox_to_anchor=(1, 0.86))
    slow, ends, times = below.subplots(1, 3)
    draw_slow(slow)
    draw_outcomes(ends, random, exact)
    draw_times(times, random, exact)


def draw_slow(ax: Any) -> None:
    """Exponential and algebraic approaches."""
    t, late = TIMES[1:], TIMES[TIMES > 5]
    colours = (plot.BLUE, plot.RED, plot.GREEN)
    for (name, path), colour in zip(chain_runs.slow_approaches().items(), colours, strict=True):
        ax.loglog(t, path[1:], color=colour, label=name)
    ax.loglog(late, 2 / (3 * late), ":", color=plot.BLACK, label="2/(3t)")
    ax.loglog(late, late**-0.5, "--", color=plot.BLACK, label="1/√t")
    ax.set(ylim=(1e-10, 5), xlabel="time", ylabel="|a₁ − limit|", title="Slow approaches, L = 2")
    ax.legend(ncols=2, loc="lower right")


def draw_outcomes(ax: Any, random: dict[int, Outcomes], exact: dict[int, Outcomes]) -> None:
    """Per cent of the runs that miss the least error, stacked, for the two kinds of feedback."""
    for found, offset, name, colours in (
        (random, -0.2, "random", (plot.GREEN, plot.GREY)),
        (exact, 0.2, "exact", (plot.BLUE, plot.SKY)),
    ):
        below = np.zeros(len(found))
        for outcome, colour, hatch in zip(OUTCOMES[1:], colours, ("", "////"), strict=True):
            totals = [sum(counts[each] for each in OUTCOMES) for counts, _ in found.values()]
            missed = [counts[outcome] for counts, _ in found.values()]
            share = 100 * np.array(missed) / np.array(totals)
            at, label = np.array(list(found)) + offset, f"{name}: {outcome}"
            if share.any():
                ax.bar(
                    at,
                    share,
                    0.36,
                    below,
                    color=colour,
                    hatch=hatch,
                    edgecolor="white",
                    label=label,
                )
            below += share
        for x, y in zip(np.array(list(found)) + offset, below, strict=True):
            ax.annotate(
                f"{y:.1f}", (x, y), (0, 2), textcoords="offset points", ha="center", fontsize=6
            )
    ax.margins(y=0.35)
    ax.set_xlim(min(exact) - 0.6, max(exact) + 0.6)
    ax.set(
        xticks=list(random), xlabel="L (left random, right exact feedback)", ylabel="% of the runs"
    )
    ax.set_title("Runs that miss the least error")
    ax.legend(loc="upper left")


def draw_times(ax: Any, random: dict[int, Outcomes], exact: dict[int, Outcomes]) -> None:
    """How many runs are not yet at rest, for every other length."""
    for length, colour in zip(list(random)[::2], TRIO, strict=False):
        for found, dash, name in ((random, "-", "random"), (exact, "--", "exact")):
            times = np.sort(found[length][1])
            left = 1 - np.arange(1, len(times) + 1) / len(times)
            ax.step(times, left, dash, where="post", color=colour, label=f"L = {length}, {name}")
    ax.set(xscale="log", xlabel="time", ylabel="share still moving", title="Time to rest")
    ax.legend()


if __name__ == "__main__":
    main()
