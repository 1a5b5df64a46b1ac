"""A gallery of settled networks: a strip for each one, and one sheet with a layer of all."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .page import BLUE, PURPLE, RED, SKY, Values
from .settling import chosen_units, layer_traces


def settle_strip(
    figure: Figure,
    ts: Values,
    layers: Sequence[Values],
    residual: Values,
    *,
    tol: float,
    second: Sequence[Values] = (),
    onset: float | None = None,
    marked: int | None = None,
    ylabel: str = "activity",
    title: str = "",
) -> list[Axes]:
    """One sample settling, in a row: some units of every layer, then the residual.

    `ts` is (T,), `layers` are (T, n) each, `residual` is (T,). `second` holds a second state of the
    same units, drawn dashed in the same shades: s⁻ beside s⁺. `onset` is when the nudge is turned
    on; the output unit `marked` is drawn thick and red. Returns the axes.
    """
    axes = list(figure.subplots(1, len(layers) + 1))
    for k, layer in enumerate(layers):
        name = "Output" if k == len(layers) - 1 else f"Hidden {k + 1}"
        mark = marked if k == len(layers) - 1 else None
        twin = second[k] if second else None
        _traces(axes[k], ts, layer, twin, name, onset, mark)
    axes[0].set_ylabel(ylabel)
    _residual(axes[-1], ts, residual, tol, onset)
    if title:
        figure.suptitle(title, fontsize=9)
    return axes


def traces_panel(
    ax: Axes,
    ts: Values,
    layer: Values,
    *,
    onset: float | None = None,
    marked: int | None = None,
    title: str = "",
) -> None:
    """Some units of one layer, (T, n), against time: a small panel of the sheet."""
    _traces(ax, ts, layer, None, "", onset, marked)
    ax.set_title(title, fontsize=7)
    ax.set_xlabel("")
    ax.tick_params(labelsize=6)


def _traces(
    ax: Axes,
    ts: Values,
    layer: Values,
    twin: Values | None,
    name: str,
    onset: float | None,
    marked: int | None,
) -> None:
    lines = layer_traces(ax, ts, layer, title=name, onset=onset)
    if twin is not None:
        _dashed(ax, ts, layer, twin, np.asarray(lines.get_edgecolor()))
    if marked is not None:
        ax.plot(ts, np.asarray(layer)[:, marked], color=RED, linewidth=1.8)
        if twin is not None:
            ax.plot(ts, np.asarray(twin)[:, marked], "--", color=RED, linewidth=1.8)
    ax.set(xlabel="time", ylabel="")


def _dashed(ax: Axes, ts: Values, layer: Values, twin: Values, shades: Values) -> None:
    """The same units as `layer_traces` chooses."""
    for unit, shade in zip(chosen_units(layer), shades, strict=True):
        ax.plot(ts, np.asarray(twin)[:, unit], "--", color=tuple(shade), linewidth=0.9)


def _residual(ax: Axes, ts: Values, residual: Values, tol: float, onset: float | None) -> None:
    ax.semilogy(ts, np.asarray(residual), color=BLUE)
    ax.axhline(tol, color=SKY, linestyle="--", linewidth=1)
    if onset is not None:
        ax.axvline(onset, color=PURPLE, linestyle=":", linewidth=1.2)
    ax.margins(x=0)
    ax.set(xlabel="time", title="Residual")
