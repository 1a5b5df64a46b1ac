"""Pictures of settling: traces, residuals, outputs, spectra, and one trajectory in the plane."""

from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Array, Complex
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PathCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .page import BLACK, BLUE, ORANGE, PURPLE, RED, SKY, Values, legend_above

TIME = "time (leak time constants)"


def chosen_units(layer: Values, units: int = 12) -> np.ndarray:
    """At most `units` of a layer, (T, n), spread evenly over it by their last value."""
    order = np.argsort(np.asarray(layer)[-1])
    return order[np.unique(np.linspace(0, len(order) - 1, units).round().astype(int))]


def layer_traces(
    ax: Axes,
    ts: Values,
    layer: Values,
    *,
    title: str = "",
    units: int = 12,
    onset: float | None = None,
) -> Collection:
    """Some units of one layer against time; `layer` is (T, n), `ts` is (T,).

    At most `units` of them are drawn, spread evenly over the layer by their last value and
    shaded by it, so that the picture shows the whole range and not the first few. `onset` marks
    the time at which the nudge is turned on.
    """
    ts, layer = np.asarray(ts), np.asarray(layer)
    chosen, count = chosen_units(layer, units), layer.shape[1]
    shades = mpl.colormaps["cividis"](np.linspace(0, 0.9, len(chosen)))
    lines = [np.column_stack([ts, layer[:, unit]]) for unit in chosen]
    traces = ax.add_collection(LineCollection(lines, colors=list(map(tuple, shades)), linewidths=1))
    ax.autoscale()
    ax.margins(x=0)
    _mark_onset(ax, onset)
    shown = f"{len(chosen)} of {count} units" if len(chosen) < count else "all units"
    ax.set(xlabel=TIME, ylabel="state s", title=f"{title} ({shown})" if title else "")
    return traces


def _mark_onset(ax: Axes, onset: float | None) -> None:
    if onset is not None:
        ax.axvline(onset, color=PURPLE, linestyle=":", linewidth=1.2, label="nudge on")


def residuals(
    ax: Axes,
    ts: Values,
    residual: Values,
    *,
    tol: float | None = None,
    onset: float | None = None,
) -> tuple[Collection, Line2D]:
    """The residual of each sample against time on a log axis; `residual` is (samples, T).

    Thin lines are samples, the thick one is their median; `tol` is drawn as a dashed line.
    """
    ts, residual = np.asarray(ts), np.atleast_2d(np.asarray(residual))
    lines = [np.column_stack([ts, row]) for row in residual]
    samples = ax.add_collection(LineCollection(lines, colors=SKY, linewidths=0.5, alpha=0.6))
    with np.errstate(invalid="ignore"):
        (median,) = ax.plot(ts, np.nanmedian(residual, axis=0), color=BLUE, label="median")
    samples.set_label(f"{len(residual)} samples")
    ax.set_yscale("log")
    ax.margins(x=0)
    _mark_onset(ax, onset)
    if tol is not None:
        ax.axhline(tol, color=RED, linestyle="--", linewidth=1, label=f"tolerance {tol:g}")
    ax.set(xlabel=TIME, ylabel="residual max |μ|", title="Way to the fixed point")
    legend_above(ax)
    return samples, median


def outputs(
    ax: Axes,
    free: Values,
    nudged: Values | None = None,
    target: Values | None = None,
    *,
    beta: float | None = None,
) -> BarContainer:
    """The output units of one sample: free bars, nudged diamonds, target dashes; each (n,)."""
    free = np.asarray(free)
    unit = np.arange(len(free))
    bars = ax.bar(unit, free, color=SKY, width=0.6, label="free")
    if nudged is not None:
        name = "nudged" if beta is None else f"nudged, β = {beta:g}"
        ax.plot(unit, np.asarray(nudged), "D", color=RED, markersize=4, label=name)
    if target is not None:
        ax.plot(unit, np.asarray(target), "_", color=BLACK, markersize=11, label="target")
    ax.axhline(0, color=BLACK, linewidth=0.6)
    ax.set(xlabel="output unit", ylabel="state s", title="Output units", xticks=unit)
    legend_above(ax)
    return bars


def spectrum(
    ax: Axes,
    eigenvalues: Complex[Array, " n"] | Complex[np.ndarray, " n"],
    *,
    symmetric_bound: float | None = None,
) -> PathCollection:
    """Eigenvalues of a Jacobian in the complex plane, with the unstable half shaded."""
    values: np.ndarray = np.asarray(eigenvalues)
    real, imaginary = np.real(values), np.imag(values)
    dots = ax.scatter(real, imaginary, s=8, color=BLUE, linewidths=0)
    abscissa = real.max()
    ax.axvline(
        abscissa, color=ORANGE, linestyle="--", linewidth=1, label=f"abscissa {abscissa:.3g}"
    )
    if symmetric_bound is not None:
        label = f"symmetric part ≤ {symmetric_bound:.3g}"
        ax.axvline(symmetric_bound, color=PURPLE, linestyle=":", linewidth=1.2, label=label)
    right = max(0.15, 1.2 * max(abscissa, symmetric_bound or 0))
    left = min(ax.get_xlim()[0], -0.15)
    ax.axvspan(0, right, color=RED, alpha=0.12, linewidth=0, label="unstable")
    ax.set_xlim(left, right)
    ax.set(
        xlabel="Re λ (1 / leak time constant)", ylabel="Im λ", title="Spectrum at the fixed point"
    )
    legend_above(ax)
    return dots


def phase_plane(
    ax: Axes,
    states: Values,
    *,
    end: Values | None = None,
    jump: Values | None = None,
    title: str = "",
) -> Line2D:
    """One trajectory of a two-unit field, (T, 2), with its start (ring) and its end (cross).

    Without an `end` the path leaves the picture. `jump` is where a root finder went instead,
    drawn as a dashed line from the start.
    """
    states = np.asarray(states)
    (path,) = ax.plot(states[:, 0], states[:, 1], color=BLUE, linewidth=1, label="flow")
    if jump is not None:
        ends = np.stack([states[0], np.asarray(jump)])
        ax.plot(
            ends[:, 0], ends[:, 1], "--D", color=ORANGE, markevery=[1], markersize=5, label="Newton"
        )
    ring = {"color": BLACK, "markerfacecolor": "white", "markersize": 5, "linestyle": ""}
    ax.plot(*states[0], marker="o", label="start", **ring)
    if end is not None:
        ax.plot(*np.asarray(end), "X", color=RED, markersize=6, label="end")
    ax.set(xlabel="state s₁", ylabel="state s₂", title=title)
    legend_above(ax, columns=3)
    return path


def projection(ax: Axes, plain: Values, projected: Values, *, title: str = "") -> PathCollection:
    """Settled states of the projected flow against those of the plain one, with the clip."""
    plain, projected = np.asarray(plain), np.asarray(projected)
    dots = ax.scatter(plain, projected, s=5, color=BLUE, linewidths=0, alpha=0.4, label="units")
    line = np.sort(np.append(plain, [0, 1]))
    ax.plot(line, np.clip(line, 0, 1), color=ORANGE, linestyle="--", label="clip to [0, 1]")
    ax.set(xlabel="settled state, plain flow", ylabel="settled state, projected flow", title=title)
    ax.legend()
    return dots


def settle_overview(
    figure: Figure,
    *,
    ts: Values,
    layers: tuple[Values, ...],
    residual: Values,
    tol: float,
    free: Values,
    nudged: Values | None = None,
    target: Values | None = None,
    beta: float | None = None,
    eigenvalues: Any = None,
    symmetric_bound: float | None = None,
    onset: float | None = None,
    title: str = "",
) -> list[Axes]:
    """One page about a settle: a trace of every layer, residual, output and spectrum.

    `layers` are (T, n) each, of one sample; `residual` is (samples, T); the rest as in the
    functions of the single panels. Returns the axes.
    """
    if title:
        figure.suptitle(title, fontsize=9)
    panels = len(layers) + 2 + (eigenvalues is not None)
    columns = min(3, panels)
    axes = list(np.ravel(figure.subplots(-(-panels // columns), columns)))
    for k, layer in enumerate(layers):
        name = "Output layer" if k == len(layers) - 1 else f"Hidden layer {k + 1}"
        layer_traces(axes[k], ts, layer, title=name, onset=onset)
    rest = axes[len(layers) :]
    residuals(rest[0], ts, residual, tol=tol, onset=onset)
    outputs(rest[1], free, nudged, target, beta=beta)
    if eigenvalues is not None:
        spectrum(rest[2], eigenvalues, symmetric_bound=symmetric_bound)
    for unused in axes[panels:]:
        unused.remove()
    return axes[:panels]
