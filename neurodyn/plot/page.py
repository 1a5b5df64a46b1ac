"""What all pictures share: colours, a style fit for print, the page, the legend above the data.

Colours are those of Okabe and Ito, which readers with any colour vision can tell apart.
"""

import contextlib
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patheffects import withStroke

from ..files import write_whole

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#CC79A7", "#000000", "#7F7F7F"

STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "hatch.linewidth": 0.5,
    "savefig.dpi": 200,
    "figure.dpi": 100,
    "svg.hashsalt": "neurodyn",  # so that a picture is the same, byte for byte, every time
}

Values = Float[Array, "..."] | Float[np.ndarray, "..."]
"""Numbers from JAX or NumPy."""


def style():
    """A context in which pictures are print-ready: `with plot.style(): …`."""
    return mpl.rc_context(STYLE)


@contextlib.contextmanager
def page(path: pathlib.Path, size: tuple[float, float]) -> Iterator[Figure]:
    """A figure of `size` inches, written to `path` at the end: whole, or not at all."""
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
    write_whole(path, lambda file: figure.savefig(file, metadata=undated))


def legend_above(ax: Axes, columns: int = 2) -> Legend:
    """The legend between the title and the data, where it hides none of them."""
    legend = ax.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=columns,
        borderaxespad=0.1,
        columnspacing=1.0,
        handlelength=1.6,
    )
    points = legend.get_window_extent().height * 72 / legend.figure.dpi
    ax.set_title(ax.get_title(), pad=points + 4)
    return legend


def polylines(
    ax: Axes, lines: Iterable[Values], label: str, width: float, **look: Any
) -> LineCollection:
    """Lines, (k, 2) each, as one entry of the legend; wide ones with a rim, seen on any ground."""
    if width > 1:
        look["path_effects"] = [withStroke(linewidth=width + 1.6, foreground="white")]
    drawn = LineCollection([np.asarray(line) for line in lines], linewidths=width, **look)
    drawn.set_label(label)
    ax.add_collection(drawn, autolim=False)
    return drawn
