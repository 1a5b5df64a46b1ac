"""Learning curves: errors, loss, and how the changes of a rule lie to the gradient, by epoch."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from .page import BLACK, BLUE, GREEN, ORANGE, RED, Values, legend_above

Rows = Sequence[Mapping[str, float]]

ERRORS = {
    "train_error": ("training", BLUE, "o"),
    "validation_error": ("validation", ORANGE, "s"),
    "test_error": ("test", RED, "^"),
}


def column(rows: Rows, name: str) -> Values:
    """One number of each row, (epochs,); NaN where a row does not have it."""
    return np.array([row.get(name, np.nan) for row in rows], float)


def error_curves(ax: Axes, rows: Rows) -> list[Line2D]:
    """The errors in percent against the epoch, those that the rows have."""
    lines = []
    for name, (label, colour, marker) in ERRORS.items():
        values = 100 * np.asarray(column(rows, name))
        if np.isfinite(values).any():
            lines += ax.plot(
                column(rows, "epoch"), values, marker=marker, ms=3, color=colour, label=label
            )
    _epochs(ax)
    ax.set_ylabel("errors (%)")
    ax.set_ylim(bottom=0)
    legend_above(ax)
    return lines


def loss_curve(ax: Axes, rows: Rows) -> list[Line2D]:
    """The mean cost of the batches against the epoch, on a logarithmic axis."""
    lines = ax.semilogy(column(rows, "epoch"), column(rows, "loss"), "o-", ms=3, color=BLACK)
    _epochs(ax)
    ax.set_ylabel("loss")
    return lines


def angle_curve(ax: Axes, rows: Rows) -> list[Line2D]:
    """The angle of the changes to minus the exact gradient, in degrees."""
    degrees = np.degrees(np.arccos(np.clip(column(rows, "cosine"), -1, 1)))
    lines = ax.plot(column(rows, "epoch"), degrees, "o-", ms=3, color=GREEN)
    ax.axhline(90, color=BLACK, linestyle="--", linewidth=0.8)
    _epochs(ax)
    ticks = range(0, 181 if np.nanmax(degrees) > 95 else 91, 30)
    ax.set_yticks(ticks, [f"{tick}°" for tick in ticks])
    ax.set(ylabel="angle to −gradient", ylim=(0, max(95.0, np.nanmax(degrees) + 5)))
    return lines


def _epochs(ax: Axes) -> None:
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def learning_page(figure: Figure, rows: Rows) -> list[Axes]:
    """Errors, loss, and the angle where it was looked at, side by side."""
    angles = np.isfinite(column(rows, "cosine")).any()
    axes = figure.subplots(1, 3 if angles else 2)
    error_curves(axes[0], rows)
    loss_curve(axes[1], rows)
    if angles:
        angle_curve(axes[2], rows)
    return list(axes)
