"""The chain [1,1,1] with a power inside, with and without its derivative [004 Thm 12, Eq 113].

    python analyses/power_chain.py [--quick] [--out FOLDER]

With the derivative f′ in the learning rule every run ends at the certified root; outside the
hypotheses of the theorem it may stall where the error remains. Without f′ learning rests only
where the target can be realised: else one weight drifts or collapses for ever, at the speed that
the moments of the data foretell.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import endpoints
import numpy as np
import power_runs
import published
from endpoints import CLOSE, METHOD, TOL, Comparison
from power_runs import POWERS, STALL_TIMES, Run, Stall
from rich.progress import track

from neurodyn import plot

DRIFT = ((1.0, 2.0), (2.0, 4.0))  # inputs and targets
COLLAPSE = ((1.0, 2.0), (1.0, 16.0))
GOLDEN_A1 = -1.6661034410135614e-4  # a1(2000) from (−1/2, 1/4)


def main(argv: Sequence[str] | None = None) -> None:
    options = published.options(__doc__, argv)
    count, sets = (10, 2) if options.quick else (200, 40)
    rng, promise = np.random.default_rng(0), "with f′ it converges; without, it drifts or collapses"
    with published.analysis("power-chain", "004 Thm 12, Eq 113", promise, options) as report:
        report.seeds["draws"] = 0
        report.settings |= {
            "powers": [str(mu) for mu in POWERS],
            "runs_per_power": count,
            "draws": power_runs.with_derivative.__doc__,
            "data_sets": sets,
            "data": power_runs.data_sets.__doc__,
            "tol": TOL,
            "agreement": CLOSE,
            "accuracy": METHOD.accuracy,
            "solver": type(METHOD.solver).__name__,
        }
        ends = {mu: power_runs.with_derivative(rng, count, mu) for mu in track(POWERS, "with f′")}
        half, quarter = Fraction(1, 2), Fraction(1, 4)
        stalls = {
            "a₁(0) < 0": power_runs.stall(1, (-half, quarter)),
            "c₁ < 0": power_runs.stall(-1, (half, quarter)),
            "a₁(0) = 0": power_runs.stall(1, (Fraction(0), half)),
        }
        pairs = [DRIFT, COLLAPSE, *power_runs.data_sets(rng, sets)]
        runs = [power_runs.without_derivative(*pair) for pair in track(pairs, "without f′")]
        state_ends(report, ends)
        state_stalls(report, stalls)
        state_rest(report, power_runs.realizable(rng, count))
        state_drifts(report, runs)
        with report.figure((9, 5.2)) as figure:
            draw_page(figure, ends, stalls, runs)


def state_ends(report: published.Report, ends: dict[Fraction, Comparison]) -> None:
    """Theorem 12."""
    report.numbers["with f′"] = {f"μ = {mu}": run.numbers() for mu, run in ends.items()}
    told, why = endpoints.in_words(list(ends.values()))
    report.state(
        f"Thm 12, μ = {', '.join(map(str, ends))}: from positive starts the system converges to "
        "one of the positive roots",
        ours=told,
        reached=all(run.agree.all() for run in ends.values()),
        why=why or "there is exactly one positive root; a₂(0) of either sign, and μ = 1/3 too",
    )


def state_stalls(report: published.Report, stalls: dict[str, Stall]) -> None:
    """What happens outside the hypotheses."""
    report.numbers["stalls"] = {
        name: {
            "verdict": found.verdict,
            "certified": found.certified,
            "a1(2000)": float(found.path[-1]),
            "a2(2000)": found.a2,
            "limit of a2": found.limit_a2,
        }
        for name, found in stalls.items()
    }
    left, negative, zero = stalls.values()
    report.measure(
        "μ = 3 from a₁(0) < 0: a₁ → 0 like −1/(3c₁αt), and the error stays",
        ours=f"a₁(2000) = {left.path[-1]:.10e}, {abs(left.path[-1] - GOLDEN_A1):.0e} from the "
        f"golden value; {left.verdict}, certified: {left.certified}",
    )
    report.measure(
        "μ = 3 with c₁ < 0: a₁ → 0 from above",
        ours=f"a₁(2000) = {negative.path[-1]:.4e}; {negative.verdict}, certified: "
        f"{negative.certified}",
    )
    report.measure(
        "μ = 3 from a₁(0) = 0, which Eq 116 leaves out",
        ours=f"{zero.verdict} at once, at ({zero.path[-1]:g}, {zero.a2:g}), with the whole error",
    )
    cross = report.numbers["μ = 1/3, a1(0) = −1/2"] = power_runs.crossing()
    report.measure(
        "μ = 1/3, S-shaped, from a₁(0) < 0: through 0 in finite time, with infinite slope",
        ours=f"{cross['verdict']}, {cross['gap']:.0e} from the certified end",
    )


def state_rest(report: published.Report, found: dict[str, Any]) -> None:
    """Whether learning without f′ can rest."""
    report.numbers["realizable targets without f′"] = found
    report.state(
        "Eq 113: without f′ there are no fixed points except in trivial cases",
        ours=f"targets T = kI³: {found['settled']} of {found['runs']} runs settle, w = k to "
        f"{found['worst gap of w']:.0e}",
        reached=found["settled"] == 0,
        why="fixed points exist wherever α/β = γ/δ, as for every target that can be realised",
    )


def state_drifts(report: published.Report, runs: list[Run]) -> None:
    """What happens to the others."""
    drift, collapse, *others = runs
    report.numbers["drift"] = in_numbers(drift)
    report.numbers["collapse"] = in_numbers(collapse)
    report.numbers["random data sets"] = [in_numbers(run) for run in others]
    report.measure(
        "without f′, γ/δ > α/β: I = (1, 2), T = (2, 4): a₁ drifts, w → α/β",
        ours=f"da₁/dt = {drift.slope * drift.ratio[-1]:.10f} (expected {drift.slope:.10f}), "
        f"w = {drift.w[-1]:.10f} (α/β = {drift.optimum:.10f})",
        why="the error is minimised all the same",
    )
    report.measure(
        "without f′, γ/δ < α/β: I = (1, 2), T = (1, 16): a₁ → 0, w → γ/δ",
        ours=f"d(a₂²)/dt = {collapse.growth * collapse.ratio[-1]:.6f} (expected "
        f"{collapse.growth:.6f}), w = {collapse.w[-1]:.8f} (γ/δ = {collapse.other:.8f}, "
        f"α/β = {collapse.optimum:.4f})",
        why="the error is not minimised",
    )
    done = [run for run in others if run.verdict == "completed"]
    drifts = sum(run.drifts for run in done)
    report.state(
        "Eq 113: without f′ the weights of random data sets never rest",
        ours=f"{len(done)} of {len(others)} followed: {drifts} drift, {len(done) - drifts} "
        f"collapse, as γ/δ and α/β tell; w within {max(map(gap_of_w, done)):.0e}, speed within "
        f"{max(map(gap_of_speed, done)):.0e} of what is expected, relative",
        reached=len(done) == len(others) and max(map(gap_of_w, done)) < 1e-3,
    )


def in_numbers(run: Run) -> dict[str, Any]:
    return {
        "verdict": run.verdict,
        "regime": "drift" if run.drifts else "collapse",
        "time": float(run.ts[-1]),
        "w": float(run.w[-1]),
        "expected w": run.expected,
        "optimum": run.optimum,
        "speed / expected": float(run.ratio[-1]),
        "expected speed": run.slope if run.drifts else run.growth,
    }


def gap_of_w(run: Run) -> float:
    return abs(float(run.w[-1]) / run.expected - 1)


def gap_of_speed(run: Run) -> float:
    return abs(float(run.ratio[-1]) - 1)


def draw_page(
    figure: Any, ends: dict[Fraction, Comparison], stalls: dict[str, Stall], runs: list[Run]
) -> None:
    """One panel for each power, then stalls, and learning without the derivative."""
    above, below = figure.subfigures(2, 1)
    panels = above.subplots(1, len(ends), sharex=True, sharey=True)
    for ax, (mu, run) in zip(panels, ends.items(), strict=True):
        endpoints.scatter(ax, run, f"μ = {mu}, {len(run.gap)} runs")
        ax.set_xlabel("transverse rate")
    for ax in panels:
        endpoints.guides(ax)
    panels[0].set_ylabel("|integrated − certified|, relative")
    panels[-1].legend(loc="upper right", bbox_to_anchor=(1, 0.86))
    stall, w, speed, data = below.subplots(1, 4)
    draw_stalls(stall, stalls)
    draw_w(w, runs[0], runs[1])
    draw_speed(speed, runs[0], runs[1])
    draw_data(data, runs[2:])


def draw_stalls(ax: Any, stalls: dict[str, Stall]) -> None:
    """|a1| of the runs of μ = 3 that come to 0."""
    t = STALL_TIMES[1:]
    looks = (("-", plot.BLUE, 2.5), ("--", plot.ORANGE, 1.2))
    for (name, found), (dash, colour, width) in zip(list(stalls.items())[:2], looks, strict=True):
        ax.loglog(t, np.abs(found.path[1:]), dash, color=colour, linewidth=width, label=name)
    late = t[t > 3]
    ax.loglog(late, 1 / (3 * late), ":", color=plot.BLACK, label="1/(3|c₁|αt)")
    ax.set(xlabel="time", ylabel="|a₁|", title="With f′, μ = 3: stalls")
    ax.legend(loc="lower left")


def draw_w(ax: Any, drift: Run, collapse: Run) -> None:
    """What the network computes, w = a2 a1³, over its optimum."""
    for run, colour, name in ((drift, plot.BLUE, "drift"), (collapse, plot.RED, "collapse")):
        ax.plot(run.ts[1:], run.w[1:] / run.optimum, color=colour, label=name)
    level = collapse.other / collapse.optimum
    ax.axhline(level, color=plot.RED, linestyle=":", label="γ/δ of the collapse")
    ax.axhline(1, color=plot.BLUE, linestyle=":", label="α/β")
    ax.set(xscale="log", ylim=(0.9, 1.06), xlabel="time", ylabel="w / (α/β)", title="Without f′: w")
    ax.legend(loc="lower right")


def draw_speed(ax: Any, drift: Run, collapse: Run) -> None:
    """The speeds of a1 and of a2², over what the moments foretell."""
    for run, colour, name in (
        (drift, plot.BLUE, "a₁, drift"),
        (collapse, plot.RED, "a₂², collapse"),
    ):
        ax.loglog(run.ts[1:], np.abs(run.ratio - 1), color=colour, label=name)
    ax.set(xlabel="time", ylabel="|speed / predicted − 1|", title="Without f′: speed")
    ax.legend(loc="upper right")


def draw_data(ax: Any, runs: list[Run]) -> None:
    """Random data sets: where w ended, over its optimum, against γ/δ over the same."""
    for drifts, colour, marker, name in (
        (True, plot.BLUE, "o", "drifts"),
        (False, plot.RED, "^", "collapses"),
    ):
        chosen = [run for run in runs if run.drifts == drifts]
        x, y = (
            [run.other / run.optimum for run in chosen],
            [run.w[-1] / run.optimum for run in chosen],
        )
        ax.plot(x, y, marker, color=colour, markersize=4, alpha=0.7, label=name)
    low, high = ax.get_xlim()
    line = np.linspace(low, high, 200)
    ax.plot(line, np.minimum(line, 1), "--", color=plot.BLACK, linewidth=0.8, label="predicted")
    ax.set(xlabel="(γ/δ) / (α/β)", ylabel="w / (α/β) at the end", title="Without f′: data sets")
    ax.legend(loc="lower right")


if __name__ == "__main__":
    main()
