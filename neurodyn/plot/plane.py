"""Phase portraits: all of one in a call, and trajectories and exact curves to lay over it."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from ..portrait import Portrait
from .background import streamlines
from .page import BLACK, GREEN, ORANGE, PURPLE, Values, legend_above, polylines
from .resting import (
    draw_cycles,
    draw_fixed_arcs,
    draw_fixed_points,
    draw_nullclines,
    draw_separatrices,
)

CURVES = ((BLACK, (0, (3, 1.2))), (PURPLE, (0, (4, 1, 1, 1))), (GREEN, (0, (1.2, 1))))


def trajectories(
    ax: Axes, paths: Sequence[Values], ends: Sequence[Values | None] | None = None
) -> list[Artist]:
    """Trajectories, (T, 2) each, from a ring at the start to a cross at the end, if it has one.

    `ends`, one for each path, are (2,), or None for a path that leads nowhere.
    """
    if not paths:
        return []
    drawn: list[Artist] = [polylines(ax, paths, "_trajectories", 1.3, color=ORANGE, zorder=5)]
    starts = np.stack([np.asarray(path)[0] for path in paths])
    ring: dict[str, Any] = {"markeredgecolor": BLACK, "markerfacecolor": "white", "markersize": 4.5}
    drawn += ax.plot(*starts.T, "o", label="start", zorder=8, **ring)
    found = [np.asarray(end) for end in ends or () if end is not None]
    if found:
        cross: dict[str, Any] = {"markeredgecolor": "white", "color": BLACK, "markersize": 5.5}
        drawn += ax.plot(
            *np.stack(found).T, "X", label="end", zorder=9, markeredgewidth=0.6, **cross
        )
    return drawn


def exact_curves(ax: Axes, curves: Mapping[str, Sequence[Values]]) -> list[Artist]:
    """Curves that are known exactly: lists of polylines (k, 2) by name, each with its dashes."""
    return [
        polylines(ax, lines, name, 1.5, color=colour, linestyle=dashes, zorder=3)
        for (name, lines), (colour, dashes) in zip(curves.items(), itertools.cycle(CURVES))
        if len(lines)
    ]


def portrait(
    ax: Axes,
    grid: Portrait,
    *,
    colour: Values | Literal["speed"] | None = "speed",
    colour_label: str = "speed |μ|",
    density: float = 1.0,
    nullclines: bool = True,
    separatrices: bool = True,
    labels: tuple[str, str] = ("a₁", "a₂"),
    title: str = "",
    legend: bool = True,
) -> dict[str, Any]:
    """All of a phase portrait: streamlines, nullclines, what is at rest, separatrices and cycles.

    `colour`, `colour_label` and `density` are those of `streamlines`. The legend above the axes
    holds what was drawn on them before, too: call this after `trajectories` and the like, which
    lie above it all the same. Returns what was drawn, by name.
    """
    drawn: dict[str, Any] = {
        "streamlines": streamlines(
            ax, grid, colour=colour, colour_label=colour_label, density=density
        ),
        "nullclines": draw_nullclines(ax, grid, labels) if nullclines else [],
        "separatrices": draw_separatrices(ax, grid) if separatrices else [],
        "arcs": draw_fixed_arcs(ax, grid),
        "cycles": draw_cycles(ax, grid),
        "points": draw_fixed_points(ax, grid),
    }
    _frame(ax, grid, labels)
    ax.set_title(title)
    if legend and ax.get_legend_handles_labels()[0]:
        _widest_legend(ax)
    return drawn


def _widest_legend(ax: Axes) -> None:
    """The legend in as many columns as there is room for."""
    for columns in (4, 3, 2):
        legend = legend_above(ax, columns)
        if legend.get_window_extent().width <= 1.2 * ax.get_window_extent().width:
            break


def _frame(ax: Axes, grid: Portrait, labels: tuple[str, str]) -> None:
    ax.set(xlim=(grid.x[0], grid.x[-1]), ylim=(grid.y[0], grid.y[-1]))
    ax.set(xlabel=labels[0], ylabel=labels[1])
    ax.grid(False)
    ax.spines[["top", "right"]].set_visible(True)
