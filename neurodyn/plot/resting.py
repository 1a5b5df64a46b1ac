"""The skeleton of a phase portrait: what rests, what separates, what cycles.

Blue and filled attracts, red, dashed and open repels, in points, curves and cycles alike.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..portrait import Portrait
from .page import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Values, polylines

ARC: dict[str, tuple[str, Any]] = {  # kind: (colour, dashes)
    "stable": (BLUE, "-"),
    "unstable": (RED, (0, (3, 1.2))),
    "semistable": (ORANGE, (0, (5, 1.2, 1, 1.2))),
    "neutral": (GREY, (0, (1, 1))),
}
POINT: dict[str, tuple[str, str, str]] = {  # kind: (marker, edge, face)
    "stable_node": ("o", BLUE, BLUE),
    "stable_focus": ("D", BLUE, BLUE),
    "saddle": ("P", BLACK, "white"),
    "unstable_node": ("o", RED, "white"),
    "unstable_focus": ("D", RED, "white"),
    "centre": (r"$\odot$", BLACK, BLACK),
    "neutral": ("s", GREY, "white"),
}
FAMILY = 4  # how many of a family of closed orbits are drawn


def _kinds(things: Iterable[Any], known: Iterable[str]) -> list[tuple[str, list[Any]]]:
    """(kind, the things of that kind) for every kind that occurs, in the order of `known`."""
    things = list(things)
    return [
        (k, [t for t in things if t.kind == k]) for k in known if any(t.kind == k for t in things)
    ]


def draw_fixed_arcs(ax: Axes, grid: Portrait) -> list[Artist]:
    """The curves of fixed points, thick, dashed by kind, and half-filled where the kind changes."""
    drawn = []
    for arc in grid.arcs:  # nothing shines through the gaps of the dashes
        ax.plot(*arc.points.T, color="white", linewidth=3.8, zorder=4)
    for kind, arcs in _kinds(grid.arcs, ARC):
        colour, dashes = ARC[kind]
        lines = [arc.points for arc in arcs]
        label = f"{kind} fixed points"
        drawn.append(polylines(ax, lines, label, 2.2, color=colour, linestyle=dashes, zorder=4))
    if len(grid.semistable):
        half: dict[str, Any] = {
            "fillstyle": "left",
            "markerfacecolor": BLUE,
            "markerfacecoloralt": "white",
        }
        drawn += ax.plot(
            *grid.semistable.T,
            "o",
            color=BLACK,
            markersize=7,
            markeredgewidth=0.8,
            label="semistable point",
            zorder=7,
            **half,
        )
    return drawn


def draw_fixed_points(ax: Axes, grid: Portrait) -> list[Line2D]:
    """Isolated fixed points in the box: filled attracts, open repels; a diamond is a focus."""
    drawn = []
    low, high = np.array([grid.x[0], grid.y[0]]), np.array([grid.x[-1], grid.y[-1]])
    seen = [p for p in grid.points if ((p.position >= low) & (p.position <= high)).all()]
    for kind, points in _kinds(seen, POINT):
        marker, edge, face = POINT[kind]
        x, y = np.stack([point.position for point in points]).T
        drawn += ax.plot(
            x,
            y,
            linestyle="",
            marker=marker,
            markersize=7 if kind in ("saddle", "centre") else 5.5,
            markeredgecolor=edge,
            markerfacecolor=face,
            markeredgewidth=0.5 if kind == "centre" else 1.1,
            label=kind.replace("_", " "),
            zorder=7,
            clip_on=False,
        )
    return drawn


def draw_nullclines(
    ax: Axes, grid: Portrait, labels: tuple[str, str] = ("a₁", "a₂")
) -> list[Artist]:
    """Where the one and where the other component of the flow is zero, as thin lines."""
    looks = ((GREEN, "-"), (PURPLE, (0, (5, 2))))
    return [
        polylines(ax, lines, f"{name}′ = 0", 0.9, color=colour, linestyle=dashes, zorder=2)
        for lines, name, (colour, dashes) in zip(_moving(grid), labels, looks, strict=True)
        if lines
    ]


def _moving(grid: Portrait) -> list[list[Values]]:
    """The nullclines without those that are curves of fixed points, drawn as such."""
    rest = np.concatenate([np.empty((0, 2)), *(arc.points for arc in grid.arcs)])
    cell = np.array([grid.x[1] - grid.x[0], grid.y[1] - grid.y[0]])

    def at_rest(line: Values) -> bool:
        gaps = np.abs((line[:, None] - rest) / cell).max(axis=-1)
        return bool((gaps.min(axis=1, initial=np.inf) < 2).all())

    return [[line for line in lines if not at_rest(line)] for lines in grid.nullclines]


def draw_separatrices(ax: Axes, grid: Portrait) -> list[Artist]:
    """The orbits into saddles and semistable points, solid, and those out of them, dotted."""
    dashes = {"stable": "-", "unstable": (0, (1, 1.2))}
    return [
        polylines(
            ax,
            [line.points for line in lines],
            f"{kind} separatrix",
            1.1,
            color=BLACK,
            linestyle=dashes[kind],
            zorder=3,
        )
        for kind, lines in _kinds(grid.separatrices, dashes)
    ]


def draw_cycles(ax: Axes, grid: Portrait) -> list[Artist]:
    """Closed orbits with arrows: thick, dashed if they repel; of a family a few, thin and grey."""
    drawn = []
    for kind, orbits in _kinds(grid.cycles, ("stable", "unstable", "neutral")):
        colour, dashes = ARC[kind] if kind != "neutral" else ("#5F5F5F", "-")
        width = 0.9 if kind == "neutral" else 2.0
        lines = [orbit.points for orbit in orbits]
        if kind == "neutral":
            lines = _few(lines, grid)
        look = {"color": colour, "linestyle": dashes, "zorder": 6}
        drawn.append(polylines(ax, lines, f"{kind} cycle", width, **look))
        for line in lines:
            _arrow(ax, line, colour)
    return drawn


def _few(lines: list[Values], grid: Portrait) -> list[Values]:
    """Some of a family of closed orbits, from the smallest to the largest in the box."""
    lines = sorted(lines, key=np.ptp)
    low, high = np.array([grid.x[0], grid.y[0]]), np.array([grid.x[-1], grid.y[-1]])
    seen = [line for line in lines if ((line >= low) & (line <= high)).all()] or lines
    chosen = np.unique(np.linspace(0, len(seen) - 1, FAMILY).astype(int))
    return [seen[k] for k in chosen]


def _arrow(ax: Axes, line: Values, colour: str) -> None:
    """An arrow head a third of the way along `line`."""
    here, step = len(line) // 3, max(1, len(line) // 100)
    head: dict[str, Any] = {
        "arrowstyle": "-|>",
        "color": colour,
        "linewidth": 0,
        "mutation_scale": 10,
    }
    shrink = {"shrinkA": 0, "shrinkB": 0}
    arrow = ax.annotate("", tuple(line[here + step]), tuple(line[here]), arrowprops=head | shrink)
    arrow.set_zorder(6)
