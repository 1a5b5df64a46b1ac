"""Classic systems of the plane, as text: what `classic_field` of `expression.py` makes fields of.

Each comes with parameters that show what it is known for, a box that shows it, and its source.
Time is in the units of the equations.
"""

import dataclasses
from collections.abc import Mapping

from ..naming import closest

Limits = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Planar:
    """A system of two equations, as data.

    **Fields:** `name` and `title`; `equations`, the text; `parameters`, a number for each name in
    it that is not a variable; `xlim` and `ylim`, a box worth drawing; `about`, a sentence on what
    to see there; `source`, author and year.
    """

    name: str
    title: str
    equations: str
    parameters: Mapping[str, float]
    xlim: Limits
    ylim: Limits
    about: str
    source: str


_SYSTEMS = (
    Planar(
        name="van-der-pol",
        title="Van der Pol oscillator",
        equations="x' = y; y' = mu*(1 - x^2)*y - x",
        parameters={"mu": 1.5},
        xlim=(-4, 4),
        ylim=(-5, 5),
        about="All orbits but the one at rest go to one limit cycle, of amplitude near 2.",
        source="van der Pol 1926, On relaxation-oscillations, Phil. Mag. 2",
    ),
    Planar(
        name="lotka-volterra",
        title="Lotka–Volterra prey and predator",
        equations="x' = a*x - b*x*y; y' = c*x*y - d*y",
        parameters={"a": 1.0, "b": 0.5, "c": 0.5, "d": 1.0},
        xlim=(0, 6),
        ylim=(0, 6),
        about="Closed orbits around a centre: c x - d log x + b y - a log y stays constant.",
        source="Lotka 1925, Elements of Physical Biology; Volterra 1926, Nature 118",
    ),
    Planar(
        name="fitzhugh-nagumo",
        title="FitzHugh–Nagumo neuron",
        equations="v' = v - v^3/3 - w + I; w' = (v + a - b*w)/tau",
        parameters={"a": 0.7, "b": 0.8, "tau": 12.5, "I": 0.5},
        xlim=(-2.5, 2.5),
        ylim=(-1, 2.5),
        about="The current I = 0.5 makes it fire for ever; at I = 0 it rests and is excitable.",
        source="FitzHugh 1961, Biophys. J. 1; Nagumo, Arimoto & Yoshizawa 1962, Proc. IRE 50",
    ),
    Planar(
        name="hopfield",
        title="Continuous Hopfield network of two units",
        equations="x' = -x + w*tanh(y) + p; y' = -y + w*tanh(x) + q",
        parameters={"w": 2.0, "p": 0.0, "q": 0.0},
        xlim=(-3, 3),
        ylim=(-3, 3),
        about="Two memories of opposite sign, and between them a saddle.",
        source="Hopfield 1984, PNAS 81",
    ),
    Planar(
        name="wilson-cowan",
        title="Wilson–Cowan populations",
        equations="""
            E' = -E + (1 - E)*(logistic(ae*(c1*E - c2*I + P - te)) - logistic(-ae*te))
            I' = -I + (1 - I)*(logistic(ai*(c3*E - c4*I + Q - ti)) - logistic(-ai*ti))
        """,
        parameters={
            "c1": 16.0,
            "c2": 12.0,
            "c3": 15.0,
            "c4": 3.0,
            "ae": 1.3,
            "te": 4.0,
            "ai": 2.0,
            "ti": 3.7,
            "P": 1.25,
            "Q": 0.0,
        },
        xlim=(-0.02, 0.5),
        ylim=(-0.02, 0.5),
        about="Excitation and inhibition chase each other round a limit cycle; at P = 0 they rest.",
        source="Wilson & Cowan 1972, Biophys. J. 12, with the parameters of their limit cycle",
    ),
    Planar(
        name="hopf",
        title="Normal form of the Hopf bifurcation",
        equations="x' = mu*x - omega*y - x*(x^2 + y^2); y' = omega*x + mu*y - y*(x^2 + y^2)",
        parameters={"mu": 1.0, "omega": 1.0},
        xlim=(-2, 2),
        ylim=(-2, 2),
        about="For mu > 0 a circle of radius sqrt(mu) attracts; for mu < 0 the origin does.",
        source="Hopf 1942, Ber. Math.-Phys. Kl. Sächs. Akad. Wiss. Leipzig 94",
    ),
    Planar(
        name="duffing",
        title="Duffing oscillator without forcing",
        equations="x' = y; y' = x - x^3 - damping*y",
        parameters={"damping": 0.3},
        xlim=(-2, 2),
        ylim=(-1.5, 1.5),
        about="A ball in two wells: two foci, whose basins wind around each other past a saddle.",
        source="Duffing 1918, Erzwungene Schwingungen bei veränderlicher Eigenfrequenz",
    ),
    Planar(
        name="toggle-switch",
        title="Genetic toggle switch",
        equations="u' = a/(1 + v^n) - u; v' = a/(1 + u^n) - v",
        parameters={"a": 2.5, "n": 2.0},
        xlim=(0, 3),
        ylim=(0, 3),
        about="Two units that inhibit each other, and so remember which was stronger.",
        source="Gardner, Cantor & Collins 2000, Nature 403",
    ),
)

PLANAR: Mapping[str, Planar] = {system.name: system for system in _SYSTEMS}
"""The classic systems of the plane, by name."""


def planar_named(name: str) -> Planar:
    """The classic system called `name`.

    Raises `ValueError` with the nearest known names when there is none of that name.

    >>> from neurodyn.systems.classic import planar_named
    >>> planar_named("hopfield").parameters["w"]
    2.0
    """
    if name not in PLANAR:
        raise ValueError(f"unknown system {name!r}: {closest(name, PLANAR)}")
    return PLANAR[name]
