"""The curves that organise the plane of two learning weights, in closed form [004 Fig 11, Thm 2].

For A[1,1,1] with c = c_1, k = (cα/β)^(1/3): the fixed hyperbola a_1 a_2 = α/β; the parabola
a_2 = −a_1²/c, where dP/dt changes sign and the hyperbola its stability; and the boundary between
the basins of its two branches, which is the orbit a_2 = a_1²/(2c) − 3k²/(2c) that comes in along
a_1 beyond −k to touch the hyperbola at a_1 = −k, and from there on the unstable arc.
"""

from typing import Any

import sympy as sp

from .chain import Chain
from .power import PowerChain

Line = tuple[tuple[float, float], ...]
Limits = tuple[float, float]


def exact_curves(
    chain: Chain | PowerChain, xlim: Limits, ylim: Limits, points: int = 400
) -> dict[str, tuple[Line, ...]]:
    """The exact curves of a chain of two weights, as lines of (a_1, a_2) inside a box.

    **Arguments:** `chain`, of length 2 or with a power, its numbers not symbols; `xlim` and `ylim`,
    the box; `points`, how many to a line before it is cut at the box.
    **Returns:** the lines by name: "dP/dt = 0", and for a linear chain with c_1 and α not zero
    "basin boundary (exact)". Nothing for other lengths, for c_1 = 0 or for β = 0.

    >>> curves = exact_curves(Chain(c=(1,), alpha=1, beta=1), (-3, 3), (-3, 3))
    >>> list(curves), curves["basin boundary (exact)"][0][0]
    (['dP/dt = 0', 'basin boundary (exact)'], (-3.0, 3.0))
    """
    linear = isinstance(chain, Chain)
    if linear and chain.length != 2:
        return {}
    c = chain.c[0] if linear else chain.c1
    if c == 0 or chain.beta == 0:
        return {}
    a = sp.Symbol("a", real=True)
    # dP/dt ∝ a_1² + c a_2 [004 Eq 25]; with the power μ, a_1² + c μ² a_2
    parabola = -(a**2) / c if linear else -(a**2) / (c * chain.mu**2)
    found = {"dP/dt = 0": _graph(parabola, a, xlim[0], xlim[1], points)}
    if linear and chain.top == 1 and chain.alpha != 0:
        k = sp.real_root(c * chain.alpha / chain.beta, 3)
        far = min(xlim[0], -abs(k)) if k > 0 else max(xlim[1], abs(k))
        orbit = (a**2 - 3 * k**2) / (2 * c)  # through (−k, −k²/c), touching the hyperbola
        arc = chain.alpha / (chain.beta * a)
        incoming = _graph(orbit, a, far, -k, points)
        found["basin boundary (exact)"] = incoming + _graph(arc, a, -k, -k / 1000, points)
    cut = {name: tuple(_cut(line, xlim, ylim)) for name, line in found.items()}
    return {name: lines for name, lines in cut.items() if lines}


def _graph(expression: Any, a: sp.Symbol, start: Any, end: Any, points: int) -> Line:
    value = sp.lambdify(a, expression, "math")
    low, high = float(start), float(end)
    xs = [low + (high - low) * i / (points - 1) for i in range(points)]
    return tuple((x, float(value(x))) for x in xs)


def _cut(line: Line, xlim: Limits, ylim: Limits):
    """The stretches of a line that lie in the box."""
    stretch: list[tuple[float, float]] = []
    for x, y in line:
        if xlim[0] <= x <= xlim[1] and ylim[0] <= y <= ylim[1]:
            stretch.append((x, y))
        elif stretch:
            yield tuple(stretch)
            stretch = []
    if stretch:
        yield tuple(stretch)
