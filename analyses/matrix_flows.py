"""Three-layer linear networks under random backpropagation converge [004 Thm 7–10].

    python analyses/matrix_flows.py [--quick] [--out FOLDER]

Networks [N0,N1,N2] of several sizes, with random data, weights and channel, are followed: ‖A1‖
stays below the explicit bound, V decreases as a matrix, the invariant stays, and C1A2A1 comes to
its target. Then the 2 × 2 system, and the sets of fixed points with equal invariants, which are
discrete for 2 × 2 and are not for n = 3 and n = 4.
"""

from collections.abc import Sequence
from typing import Any

import matrix_runs
import numpy as np
import published
from endpoints import METHOD, TOL
from matrix_runs import TIMES
from rich.progress import track

from neurodyn import plot

SIZES = ((2, 2, 2), (3, 3, 3), (3, 2, 1), (2, 4, 3), (4, 3, 4), (2, 1, 2), (5, 2, 4))
QUICK = ((2, 2, 2), (2, 1, 2))
ALLOWED = 1e-7  # of the integration at rtol 1e-10, for what is constant or monotone
COLOURS = (plot.BLUE, plot.ORANGE, plot.GREEN, plot.RED, plot.PURPLE, plot.SKY, plot.BLACK)
MARKERS = "osD^vX*"

Sizes = tuple[int, int, int]
Runs = dict[Sizes, dict[str, np.ndarray]]


def main(argv: Sequence[str] | None = None) -> None:
    options = published.options(__doc__, argv)
    sizes, orders = (QUICK, (2, 3)) if options.quick else (SIZES, (2, 3, 4))
    count, squares = (10, 20) if options.quick else (100, 200)
    rng = np.random.default_rng(0)
    with published.analysis(
        "matrix-flows", "004 Thm 7–10", "bounded, C1A2A1 → target", options
    ) as report:
        report.seeds["draws"] = 0
        report.settings |= {
            "sizes": sizes,
            "runs_per_size": count,
            "square": orders,
            "runs_per_square": squares,
            "draws": matrix_runs.draw.__doc__,
            "times": [float(TIMES[0]), float(TIMES[-1]), len(TIMES)],
            "rtol": matrix_runs.RTOL,
            "atol": matrix_runs.ATOL,
            "tol": TOL,
            "accuracy": METHOD.accuracy,
            "solver": type(METHOD.solver).__name__,
            "allowed": ALLOWED,
        }
        runs: Runs = {}
        for size in track(sizes, "three layers"):
            batch = matrix_runs.draw(rng, count, size)
            runs[size] = {
                **matrix_runs.followed(batch, size),
                "bound": matrix_runs.bounds(batch),
            }
        square = {n: matrix_runs.square(rng, squares, n) for n in track(orders, "n × n")}
        state_way(report, runs)
        state_ends(report, runs)
        state_square(report, square)
        families = state_families(report, rng)
        with report.figure((9, 5.2)) as figure:
            draw_page(figure, runs, square, families)


def state_way(report: published.Report, runs: Runs) -> None:
    """What holds all the way: the bound, the invariant, the monotone matrix."""
    share = max(float((r["size"].max(axis=1) / r["bound"]).max()) for r in runs.values())
    drift = max(float(r["drift"].max()) for r in runs.values())
    rise = max(float(r["rise"].max()) for r in runs.values())
    report.numbers["on the way"] = {
        "largest ‖A1‖ / bound": share,
        "largest drift of the invariant": drift,
        "largest eigenvalue of a step of V": rise,
    }
    report.state(
        "Thm 7: ‖A1‖ is bounded",
        ours=f"at most {share:.3f} of the explicit bound, over {total(runs)} runs",
        reached=share <= 1 + 1e-9,
    )
    report.state(
        "Eq 92: C1A2 + (C1A2)ᵗ − A1A1ᵗ stays constant",
        ours=f"to {drift:.0e}, integrated at rtol {matrix_runs.RTOL:g}",
        reached=drift <= ALLOWED,
    )
    report.state(
        "Eq 109: V is monotonically decreasing",
        ours=f"no eigenvalue of V(t′) − V(t), t < t′, above {rise:.0e}",
        reached=rise <= ALLOWED,
    )


def state_ends(report: published.Report, runs: Runs) -> None:
    """Where the flows end, and for which shapes A2A1 reaches the target too."""
    report.numbers["ends"] = {
        str(list(size)): {
            "settled": int((r["verdict"] == "settled").sum()),
            "runs": len(r["verdict"]),
            "largest partial gap": float(r["partial at rest"].max()),
            "least miss of A2A1": float(r["miss"].min()),
            "median miss of A2A1": float(np.median(r["miss"])),
            "largest miss of A2A1": float(r["miss"].max()),
        }
        for size, r in runs.items()
    }
    settled = sum(int((r["verdict"] == "settled").sum()) for r in runs.values())
    partial = np.concatenate([r["partial at rest"] for r in runs.values()])
    report.state(
        "Thm 8: C1A2A1 → C1Σ_TIΣ_II⁻¹",
        ours=f"{settled} of {total(runs)} settle, at most {partial.max():.0e} from it",
        reached=bool(settled == total(runs) and partial.max() <= 1e-8),
    )
    tall = np.concatenate([r["miss"] for (_, n, m), r in runs.items() if n >= m])
    wide = np.concatenate([r["miss"] for (_, n, m), r in runs.items() if n < m])
    report.state(
        "after Thm 8: if C1 has full rank, A2A1 converges to the target, as C1A2A1 does",
        ours=f"N1 ≥ N2: at most {tall.max():.0e} from it in {tall.size} runs; N1 < N2: at least "
        f"{wide.min():.3f} from it, median {np.median(wide):.2f}, in {wide.size} runs",
        reached=bool(wide.max() <= 1e-8),
        why="it needs full column rank, N1 ≥ N2; of full row rank is also (1, 1/2)",
    )


def state_square(report: published.Report, square: dict[int, dict[str, np.ndarray]]) -> None:
    """C1 = Σ_TI = Σ_II = Id, from random starts."""
    report.numbers["square"] = {
        f"n = {n}": {
            "runs": len(found["verdict"]),
            "settled": int((found["verdict"] == "settled").sum()),
            "slowest normal rate": float(-found["transverse"].max()),
            "neutral": sorted(set(found["neutral"].tolist())),
            "least singular value of d(K, V)": float(found["isolated"].min()),
        }
        for n, found in square.items()
    }
    two = square[2]
    settled = (two["verdict"] == "settled").sum()
    report.state(
        "Thm 10: the 2 × 2 system converges, its fixed points of given K, L being discrete",
        ours=f"{settled} of {settled.size * len(two['verdict'])} settle; d(K, L) is injective at "
        f"every end, its least singular value {two['isolated'].min():.2g}",
        reached=bool(settled == len(two["verdict"]) and two["isolated"].min() > 1e-3),
    )
    others = {n: found for n, found in square.items() if n > 2}
    report.measure(
        f"n × n systems from random starts, n = {', '.join(map(str, others))}",
        ours="; ".join(
            f"n = {n}: {(f['verdict'] == 'settled').sum()} of {len(f['verdict'])} settle, normal "
            f"rates from {-f['transverse'].max():.2f} on"
            for n, f in others.items()
        ),
        why="normally hyperbolic: convergence does not hang on discreteness",
    )


def state_families(report: published.Report, rng: np.random.Generator) -> dict[str, Any]:
    """Fixed points with equal K and L that are not isolated."""
    angles, points = np.linspace(0, 2 * np.pi, 16, endpoint=False), rng.standard_normal((16, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    circle = matrix_runs.family([matrix_runs.circle(angle) for angle in angles])
    sphere = matrix_runs.family([matrix_runs.sphere(point) for point in points])
    off = matrix_runs.pushed(matrix_runs.circle(0.3), 1e-6, rng)
    on = matrix_runs.pushed(matrix_runs.sphere(points[0]), 1e-6, rng)
    report.numbers |= {
        "circle, n = 3": {k: v for k, v in circle.items() if k != "eigenvalues"} | {"pushed": off},
        "sphere, n = 4": {k: v for k, v in sphere.items() if k != "eigenvalues"} | {"pushed": on},
    }
    spread = max(circle["spread of K and V"], sphere["spread of K and V"])
    report.state(
        "after Thm 10: evidence that the set of Eq 110 is discrete in general",
        ours=f"n = 3: a circle, n = 4: a sphere of fixed points, whose K and L differ by "
        f"{spread:.0e}",
        reached=bool(spread > 1e-6),
        why=f"the circle repels (rate {circle['transverse'][1]:.3f}); the sphere attracts "
        f"(normal rates {sphere['transverse'][1]:.3f}), and a start 1e-6 off it ends "
        f"{on['ends away']:.0e} away",
    )
    return {"circle, n = 3": circle, "sphere, n = 4": sphere}


def total(runs: Runs) -> int:
    return sum(len(r["verdict"]) for r in runs.values())


def draw_page(figure: Any, runs: Runs, square: dict[int, Any], families: dict[str, Any]) -> None:
    """Bound, V and convergence above; what A2A1 misses, the square systems and spectra below."""
    (bound, lyapunov, partial), (miss, away, spectra) = figure.subplots(2, 3)
    draw_bound(bound, runs)
    draw_lyapunov(lyapunov, runs)
    draw_partial(partial, runs)
    draw_miss(miss, runs)
    draw_away(away, square)
    draw_spectra(spectra, families)


def draw_bound(ax: Any, runs: Runs) -> None:
    """The largest ‖A1‖ of each run against its bound."""
    for (size, r), colour, marker in zip(runs.items(), COLOURS, MARKERS, strict=False):
        look = {"color": colour, "markersize": 3, "alpha": 0.7, "markeredgewidth": 0}
        ax.plot(r["bound"], r["size"].max(axis=1), marker, label=str(list(size)), **look)
    ends = np.array([0, max(r["bound"].max() for r in runs.values())])
    ax.plot(ends, ends, "--", color=plot.GREY)
    ax.set(xlabel="bound of Theorem 7", ylabel="largest ‖A₁‖ on the way", title="‖A₁‖ is bounded")
    ax.legend(loc="upper left", handletextpad=0.1)


def draw_lyapunov(ax: Any, runs: Runs) -> None:
    """The eigenvalues of V of a few runs: each falls, though V is a matrix."""
    size, r = next(iter(runs.items()))
    for run, colour in zip(r["V"][:4], COLOURS, strict=False):
        ax.plot(TIMES[1:], run[1:], color=colour)
    ax.set(xscale="log", xlabel="time", ylabel="eigenvalues of V")
    ax.set_title(f"V decreases: 4 runs of {list(size)}")


def draw_partial(ax: Any, runs: Runs) -> None:
    """How C1A2A1 approaches its target: the median of the runs of each size, and the slowest."""
    for (size, r), colour in zip(runs.items(), COLOURS, strict=False):
        ax.loglog(
            TIMES[1:], np.median(r["partial"], axis=0)[1:], color=colour, label=str(list(size))
        )
        ax.loglog(TIMES[1:], r["partial"].max(axis=0)[1:], ":", color=colour, linewidth=0.9)
    ax.set(ylim=(1e-11, 300), xlabel="time", ylabel="max |C₁A₂A₁ − target|")
    ax.set_title("C₁A₂A₁ → target (dots: slowest run)")


def draw_miss(ax: Any, runs: Runs) -> None:
    """What A2A1 misses the target by, run by run."""
    for at, (r, colour, marker) in enumerate(zip(runs.values(), COLOURS, MARKERS, strict=False)):
        spots = at + np.linspace(-0.3, 0.3, len(r["miss"]))
        ax.semilogy(
            spots, r["miss"], marker, color=colour, markersize=3, alpha=0.7, markeredgewidth=0
        )
    names = [f"{list(size)}".replace(" ", "") for size in runs]
    ax.set_xticks(range(len(runs)), names, rotation=30)
    ax.set(ylabel="max |A₂A₁ − target| at rest", title="A₂A₁ → target only if N₁ ≥ N₂")


def draw_away(ax: Any, square: dict[int, Any]) -> None:
    """The n × n systems on the way to their ends: the median distance and the slowest run."""
    for (n, found), colour in zip(square.items(), COLOURS, strict=False):
        runs = len(found["verdict"])
        label = f"n = {n}, {runs} runs"
        ax.loglog(TIMES[1:], np.median(found["away"], axis=0)[1:], color=colour, label=label)
        ax.loglog(TIMES[1:], found["away"].max(axis=0)[1:], ":", color=colour, linewidth=0.9)
    ax.set(ylim=(1e-10, 30), xlabel="time", ylabel="distance to the end")
    ax.set_title("n × n systems converge (dots: slowest run)")
    ax.legend(loc="lower left")


def draw_spectra(ax: Any, families: dict[str, Any]) -> None:
    """The spectrum at a point of the circle and of the sphere."""
    looks = ((plot.RED, "o", 5), (plot.BLUE, "x", 5))
    for (name, family), (colour, marker, size) in zip(families.items(), looks, strict=True):
        values = family["eigenvalues"]
        ax.plot(
            values.real, values.imag, marker, color=colour, markersize=size, alpha=0.8, label=name
        )
    ax.axvspan(0, 1, color=plot.RED, alpha=0.12, linewidth=0, label="unstable")
    ax.axvline(0, color=plot.BLACK, linewidth=0.6)
    ax.set(xlabel="Re λ", ylabel="Im λ", xlim=(-4, 1), ylim=(-1.5, 2.6))
    ax.set_title("Fixed points that are not isolated")
    ax.legend(loc="upper left")


if __name__ == "__main__":
    main()
