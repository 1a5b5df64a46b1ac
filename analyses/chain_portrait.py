"""The vector field of the chain [1,1,1] and its fixed points, stable and unstable [004 Fig 11]."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import published

import neurodyn as nd
from neurodyn import plot
from neurodyn.theory import Chain
from neurodyn.theory.plane import exact_curves

EDGE = 3.0
BOX: Any = {"xlim": (-EDGE, EDGE), "ylim": (-EDGE, EDGE)}
LEFT_AREA = 8 / 3 - np.log(2)  # of the left basin in [−2, 2]²


def flow(c: float = 1.0, alpha: float = 1.0) -> nd.ChainFlow:
    return nd.chain_flow(c=(c,), alpha=alpha, beta=1.0)


def all_points(grid: nd.Portrait) -> np.ndarray:
    return np.concatenate([arc.points for arc in grid.arcs])


def labels_by_rounding(grid: nd.Portrait, field: nd.ChainFlow) -> dict[str, int]:
    """What the signs of the eigenvalues say, point by point, of the one arc with a_1 > 0."""
    points = next(arc.points for arc in grid.arcs if arc.points[0, 0] > 0)
    jacobians = jax.vmap(jax.jacfwd(lambda s: field(0.0, s, None)))(jnp.asarray(points))
    found: dict[str, int] = {}
    for jacobian in np.asarray(jacobians):
        eigenvalues = np.linalg.eigvals(jacobian)
        signs = ", ".join("0+-"[int(np.sign(v))] for v in sorted(eigenvalues.real))
        name = f"({signs})" + " turning" * bool(np.any(eigenvalues.imag))
        found[name] = found.get(name, 0) + 1
    return found


def left_share(field: nd.ChainFlow, side: int) -> tuple[float, int]:
    """The share of midpoints of a grid over [−2, 2]² that go left, and how many go nowhere."""
    middle = (np.arange(side) + 0.5) / side * 4 - 2
    starts = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    found = nd.basins(field, starts)
    left = [k for k, attractor in enumerate(found.attractors) if attractor.point[0] < 0]
    return float(np.isin(found.label, left).mean()), int((found.label < 0).sum())


def mirrored(grid: nd.Portrait, other: nd.Portrait, signs: tuple[int, int]) -> float:
    """How far the fixed points of `other` are from the reflection of those of `grid`."""
    worst = 0.0
    for arc in grid.arcs:
        twins = [a.points for a in other.arcs if a.kind == arc.kind]
        reflected = arc.points * np.array(signs)
        # exact: the reflected points lie on a curve of the other that has the same kind
        distance = min(
            np.abs(np.interp(*_sorted(reflected[:, 0], twin)) - reflected[:, 1]).max()
            for twin in twins
            if np.sign(twin[0, 0]) == np.sign(reflected[0, 0])
        )
        worst = max(worst, float(distance))
    return worst


def _sorted(x: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.argsort(line[:, 0])
    return x, line[order, 0], line[order, 1]


def draw(report: published.Report, grid: nd.Portrait, field: nd.ChainFlow) -> None:
    side = 100 if report.options.quick else 300
    x = np.linspace(-EDGE, EDGE, side)
    starts = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    label = nd.basins(field, starts).label.reshape(side, side)
    curves = exact_curves(Chain(c=(1,), alpha=1, beta=1), BOX["xlim"], BOX["ylim"])
    parabola = [np.array(line) for line in curves["dP/dt = 0"]]  # the boundary coincides
    with report.figure((5, 4.6)) as figure:
        ax = figure.subplots()
        plot.basins(ax, x, x, label)
        plot.exact_curves(ax, {"dP/dt = 0": parabola})
        plot.portrait(
            ax, grid, colour=grid.map(field.product_rate), colour_label="dP/dt", nullclines=False
        )


def main(argv: Sequence[str] | None = None) -> None:
    options = published.options(__doc__, argv)
    claim = "the picture: two hyperbolas of fixed points, unstable inside the parabola"
    with published.analysis("chain-portrait", "004 Fig 11", claim, options) as report:
        field = flow()
        grid = nd.portrait(field, **BOX)
        a1, a2 = all_points(grid).T
        off = float(np.abs(a1 * a2 - 1).max())
        report.settings = {"c1": 1, "alpha": 1, "beta": 1, "box": BOX}
        report.state(
            "the fixed points are the two branches of a₁a₂ = α/β",
            ours=f"{len(grid.arcs)} arcs, off by {off:.0e} at most; no other fixed point",
            reached=off < 1e-12 and not grid.points and {True, False} == set((a1 > 0).tolist()),
        )
        inside = {
            arc.kind: float(np.mean(arc.points[1:-1, 1] < -(arc.points[1:-1, 0] ** 2)))
            for arc in grid.arcs
        }
        report.state(
            "those inside the parabola a₂ = −a₁²/c₁ are unstable, all others attract",
            ours=f"share inside by kind of arc: {inside}",
            reached=inside == {"stable": 0.0, "unstable": 1.0},
            why=f"the point on the parabola, {grid.semistable[0].round(9).tolist()}, attracts "
            "from one side only",
        )
        gaps = {
            "α → −α": mirrored(grid, nd.portrait(flow(alpha=-1.0), **BOX), (-1, 1)),
            "c₁ → −c₁": mirrored(grid, nd.portrait(flow(c=-1.0), **BOX), (-1, -1)),
        }
        report.state(
            "α → −α reflects across the a₂-axis, c₁ → −c₁ across both axes",
            ours=", ".join(f"{name}: off by {gap:.0e}" for name, gap in gaps.items()),
            reached=max(gaps.values()) < 1e-9,
        )
        found = labels_by_rounding(grid, field)
        report.measure(
            "labels of the arc with a₁ > 0",
            ours=f"one; by the signs of computed eigenvalues {len(found)}: {found}",
        )
        side = 100 if options.quick else 1000
        share, nowhere = left_share(field, side)
        report.measure(
            "area of the left basin in [−2, 2]², exactly 8/3 − ln 2 = 1.97352",
            ours=f"{16 * share:.5f} from {side**2} starts, of which {nowhere} go nowhere",
        )
        incoming = next(s.points for s in grid.separatrices if s.kind == "stable")
        orbit = float(np.abs(incoming[:, 1] - incoming[:, 0] ** 2 / 2 + 1.5).max())
        report.measure(
            "the separatrix into the tangency, exactly a₂ = a₁²/2 − 3/2", ours=f"off by {orbit:.0e}"
        )
        report.numbers = {
            "off_the_hyperbola": off,
            "share_inside": inside,
            "reflection_gaps": gaps,
            "labels_by_rounding": found,
            "left_area": 16 * share,
            "left_area_exact": LEFT_AREA,
            "separatrix_gap": orbit,
        }
        draw(report, grid, field)


if __name__ == "__main__":
    main()
