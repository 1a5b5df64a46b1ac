"""Three weights: trajectories in space, and the surface on which learning rests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from .page import BLACK, BLUE, ORANGE, RED, Values, legend_above

Triangles = Float[np.ndarray, "k 3 3"]


def portrait_3d(
    ax: Axes3D,
    paths: Sequence[Values],
    ends: Sequence[Values | None],
    *,
    surface: tuple[Triangles, Float[np.ndarray, " k"]] | None = None,
    size: float,
    labels: tuple[str, str, str] = ("a₁", "a₂", "a₃"),
    title: str = "",
) -> dict[str, Any]:
    """Trajectories, (T, 3), from rings to crosses, and a surface of fixed points.

    **Arguments:** `ends`, one for each path, (3,), or None for a path that leads nowhere;
    `surface`, triangles (k, 3, 3), and for each the eigenvalue across it: drawn blue and filled
    where it attracts, as a red net where it repels; `size`, half the side of the box, beyond
    which nothing is drawn. Returns what was drawn, by name.
    """
    drawn: dict[str, Any] = {"surface": [] if surface is None else _surface(ax, *surface)}
    drawn["paths"] = [
        _inside(ax, path, size, "-", "", color=ORANGE, linewidth=1.4, zorder=2) for path in paths
    ]
    starts = np.stack([np.asarray(path)[0] for path in paths])
    rim = {"markeredgecolor": BLACK, "markeredgewidth": 0.8, "markersize": 4, "zorder": 3}
    drawn["starts"] = _inside(ax, starts, size, "o", "start", markerfacecolor="white", **rim)
    found = [np.asarray(end) for end in ends if end is not None]
    if found:
        cross = {"markeredgecolor": "white", "markeredgewidth": 0.5, "markersize": 6, "zorder": 4}
        drawn["ends"] = _inside(ax, np.stack(found), size, "X", "end", color=BLACK, **cross)
    box = (-size, size)
    ax.set(xlim=box, ylim=box, zlim=box, title=title)
    ax.computed_zorder = False  # what lies behind a sheet is seen through it
    for name, axis in zip(labels, (ax.xaxis, ax.yaxis, ax.zaxis), strict=True):
        axis.set_label_text(name)
        axis.labelpad = -4
    ax.tick_params(labelsize=6, pad=-2)
    cube: Any = {"aspect": (1, 1, 1), "zoom": 1.0}  # room for the labels
    ax.set_box_aspect(**cube)
    ax.view_init(elev=24, azim=-58)
    legend_above(ax, columns=2)
    return drawn


def _inside(ax: Axes3D, points: Values, size: float, form: str, label: str, **look: Any) -> Any:
    points = np.array(points, float)
    points[(np.abs(points) > size).any(axis=1)] = np.nan
    return ax.plot(*points.T, form, label=label, **look)[0]


def _surface(ax: Axes3D, triangles: Triangles, across: Float[np.ndarray, " k"]) -> list[Any]:
    looks = (
        ("attracts", across < 0, {"facecolor": BLUE, "alpha": 0.22, "linewidth": 0}),
        ("repels", across > 0, {"facecolor": "none", "edgecolor": RED, "linewidth": 0.25}),
    )
    drawn = []
    for name, chosen, look in looks:
        if chosen.any():
            part = Poly3DCollection(triangles[chosen], label=f"α = βP, {name}", zorder=1, **look)
            part.set_rasterized(True)
            drawn.append(ax.add_collection3d(part))
    return drawn
