"""What lies behind a phase portrait: the flow as streamlines, and the basins as light areas."""

from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import (
    AsinhNorm,
    Colormap,
    LinearSegmentedColormap,
    ListedColormap,
    LogNorm,
)
from matplotlib.patches import Rectangle

from ..portrait import Portrait
from .page import Values

FAST = LinearSegmentedColormap.from_list("speed", ["#C9D3DC", "#8798A8", "#1F2A36"])
SIGNED = LinearSegmentedColormap.from_list("sign", ["#6A2C82", "#CFCFCF", "#1B7837"])
PLAIN = "#9AA3AB"
BASINS = ("#DCEBF7", "#FBF0D9", "#DDF1E8", "#F3E3EE", "#E3E3F6", "#F6E4DC", "#EFEFD5", "#E8E8E8")
NOWHERE = "#EDEDED"


def streamlines(
    ax: Axes,
    grid: Portrait,
    *,
    colour: Values | Literal["speed"] | None = "speed",
    colour_label: str = "speed |μ|",
    density: float = 1.0,
) -> Any:
    """The flow as lines with arrows, coloured by a scalar on the grid, with its colour bar.

    `colour` is the speed, any array (ny, nx) such as `grid.map(flow.product_rate)`, or None for
    plain grey without a bar. Where the flow or the scalar is NaN nothing is drawn. A scalar that
    takes both signs gets a diverging scale, violet below zero and green above.
    """
    look: dict[str, Any] = {"color": PLAIN}
    hole = ~np.isfinite(grid.u + grid.v)
    if colour is not None:
        values = grid.speed if isinstance(colour, str) else np.asarray(colour)
        norm, cmap = _scale(values)
        hole |= ~np.isfinite(values)
        shown = np.clip(np.where(hole, norm.vmin, values), norm.vmin, norm.vmax)
        look = {"color": shown, "norm": norm, "cmap": cmap}
    u, v = (np.ma.array(part, mask=hole) for part in (grid.u, grid.v))
    stream = ax.streamplot(
        grid.x, grid.y, u, v, density=density, linewidth=0.7, arrowsize=0.7, zorder=1, **look
    )
    if colour is not None:
        _colour_bar(ax, stream.lines, colour_label)
    return stream


def _scale(values: Values) -> tuple[Any, Colormap]:
    """A scale for values over many decades: signed if any is negative, else logarithmic."""
    known = values[np.isfinite(values)]
    if (known < 0).any():
        top = float(np.percentile(np.abs(known), 98)) or 1.0
        middle = float(np.percentile(np.abs(known), 25))
        return AsinhNorm(min(max(middle, top / 1e4), top / 20), -top, top), SIGNED
    top = float(np.percentile(known, 99)) if known.size else 1.0
    top = top if top > 0 else 1.0
    low = float(np.percentile(known, 1)) if known.size else 1.0
    return LogNorm(min(max(low, top / 1e3), top / 2), top), FAST


def _colour_bar(ax: Axes, lines: Any, label: str) -> None:
    figure: Any = ax.get_figure(root=True)
    bar = figure.colorbar(lines, ax=ax, label=label, extend="both", aspect=35, pad=0.02)
    ticks = _ticks(lines.norm)
    bar.set_ticks(ticks, labels=[_in_words(tick) for tick in ticks])
    bar.ax.minorticks_off()
    bar.ax.tick_params(length=2, width=0.5, labelsize=7)
    bar.outline.set_linewidth(0.5)


def _in_words(tick: float) -> str:
    """A round number, with its power of ten where it is far from 1."""
    power = int(np.floor(np.log10(abs(tick)) + 1e-9)) if tick else 0
    if -4 < power < 4:
        return f"{tick:g}".replace("-", "−")
    leading = round(tick / 10.0**power)
    sign, digits = "−" * (tick < 0), "" if abs(leading) == 1 else rf"{abs(leading)}\cdot"
    return rf"{sign}${digits}10^{{{power}}}$"


def _ticks(norm: Any) -> list[float]:
    """Round numbers between the ends of a scale: powers of ten, or more where they are few."""
    low, high = float(norm.vmin), float(norm.vmax)
    exponents = range(int(np.floor(np.log10(high))) - 3, int(np.floor(np.log10(high))) + 1)
    ticks: list[float] = []
    for digits in ((1,), (1, 3), (1, 2, 5)):
        sizes = [digit * 10.0**k for k in exponents for digit in digits]
        both = sorted({*sizes, 0.0, *(-size for size in sizes)})
        ticks = [tick for tick in both if low <= tick <= high]
        if low < 0:  # those next to zero would run into its label
            ticks = [tick for tick in ticks if tick == 0 or abs(norm(tick) - 0.5) > 0.08]
        if len(ticks) > 2:
            break
    return ticks


def basins(
    ax: Axes,
    x: Float[np.ndarray, " nx"],
    y: Float[np.ndarray, " ny"],
    label: Int[np.ndarray, "ny nx"],
) -> list[Artist]:
    """Light areas for the basins 0, 1, … of `label`, thin lines between them, hatching for −1.

    Drawn below everything else; `label` is what `nd.basins` gives for a grid of starts.
    """
    many = int(label.max()) + 1
    shades = ListedColormap([NOWHERE, *(BASINS[k % len(BASINS)] for k in range(many))])
    area = ax.pcolormesh(
        x, y, label, cmap=shades, vmin=-1.5, vmax=many - 0.5, shading="nearest", zorder=-3
    )
    area.set_rasterized(True)
    drawn: list[Artist] = [area]
    if (label < 0).any():
        hatched = ax.contourf(
            x, y, label < 0, levels=[0.5, 1.5], colors="none", hatches=["////"], zorder=-2
        )
        hatched.set(edgecolor="#C8C8C8", linewidth=0)
        drawn.append(hatched)
        corner = (float(x[0]), float(y[0]))  # of no size: an entry for the legend
        look: dict[str, Any] = {"facecolor": NOWHERE, "hatch": "//////", "edgecolor": "#C8C8C8"}
        ax.add_patch(Rectangle(corner, 0, 0, linewidth=0, label="in no basin", **look))
    drawn += [
        ax.contour(x, y, label == k, levels=[0.5], colors="#8C8C8C", linewidths=0.5, zorder=-1)
        for k in range(many)
        if (label != k).any()
    ]
    return drawn
