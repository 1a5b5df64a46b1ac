"""What `neurodyn portrait` can draw: from the words of the command line to a flow."""

import dataclasses
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..activation import activation_named
from ..expression import classic_field, field_from_text
from ..field import AbstractField
from ..naming import closest
from ..systems.chain import chain_flow, power_chain_flow
from ..systems.classic import PLANAR
from ..systems.leaky import LeakyIntegrator

Limits = tuple[float, float]

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?(/\d+)?", re.IGNORECASE)

OWN = {  # flow: (what it is, the options that it uses)
    "chain": (
        "a chain of linear neurons that learns: its two or three weights [004 Eq 45]",
        ("c", "alpha", "beta", "feedback"),
    ),
    "power": (
        "the chain [1,1,1] with a power in the middle: its two weights [004 Eq 114]",
        ("c", "mu", "alpha", "beta", "gamma", "delta", "feedback"),
    ),
    "leaky": ("two leaky integrators [003 Eq 1]", ("weights", "activation", "inputs")),
    "expr": ("two equations of your own", ("expression", "set")),
}
CHOICES = tuple(dict.fromkeys(option for _, options in OWN.values() for option in options))


@dataclasses.dataclass(frozen=True)
class Subject:
    """A flow to draw, with the names of its numbers, its box, and what theory knows of it.

    **Fields:** `field` and its `inputs`; `labels`, a name for each number of the state; `title`;
    `xlim` and `ylim`, the box unless another is asked for; `exact`, the `Chain` or `PowerChain`
    that certifies where it ends, if there is one.
    """

    field: AbstractField
    labels: tuple[str, ...]
    title: str
    inputs: Any = None
    xlim: Limits = (-3.0, 3.0)
    ylim: Limits = (-3.0, 3.0)
    exact: Any = None


def number(text: str, name: str) -> Fraction:
    """The exact number in `text`, such as "0.3", "-1e-2" or "3/10"; `ValueError` if it is none."""
    word = text.strip()
    if not _NUMBER.fullmatch(word) or len(word) > 60 or re.search(r"/0+$", word):
        raise ValueError(f"{name} has {text!r}: give a finite number, such as 0.3 or -3/10.")
    head, _, below = word.partition("/")
    return Fraction(head) / Fraction(below or 1)


def numbers(text: str, name: str) -> tuple[Fraction, ...]:
    """The exact numbers in `text`, separated by commas."""
    return tuple(number(part, name) for part in text.split(","))


def limits(text: str, name: str) -> Limits:
    """The ends of a range such as "-3,3"; `ValueError` if it is empty or reversed."""
    ends = numbers(text, name)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ValueError(f"{name} is {text!r}: give two numbers, the smaller one first, as -3,3.")
    return float(ends[0]), float(ends[1])


def subject(flow: str, options: dict[str, Any]) -> Subject:
    """The flow called `flow`, made with `options`, those that were given.

    Raises `ValueError` for an unknown flow, an option that it does not use, or one that is missing
    or cannot be read.
    """
    if flow not in OWN and flow not in PLANAR:
        hint = 'write neurodyn portrait expr "…", or ' if "=" in flow else ""
        raise ValueError(f"unknown flow {flow!r}: {hint}{closest(flow, (*OWN, *PLANAR))}")
    uses = OWN[flow][1] if flow in OWN else ("set",)
    for option in options:
        if option not in uses:
            told = ", ".join(u if u == "expression" else f"--{u}" for u in uses)
            shown = option if option == "expression" else f"--{option}"
            raise ValueError(f"{flow} does not use {shown}: it uses {told}.")
    makers: dict[str, Callable[[dict[str, Any]], Subject]] = {
        "chain": _chain,
        "power": _power,
        "leaky": _leaky,
        "expr": _expression,
    }
    return makers[flow](options) if flow in makers else _classic(flow, options)


def _chain(options: dict[str, Any]) -> Subject:
    from ..theory import Chain

    c = numbers(options.get("c", "1"), "c")
    alpha, beta = (number(options.get(name, "1"), name) for name in ("alpha", "beta"))
    feedback = _feedback("chain", options, ("random", "exact"))
    if len(c) > 2:
        raise ValueError(
            f"c has {len(c)} numbers, for {len(c) + 1} weights: give one for a portrait in the "
            "plane, or two for one in space."
        )
    field = chain_flow([float(k) for k in c], float(alpha), float(beta), feedback=feedback)
    given = f"c = {', '.join(map(_short, c))}, " if feedback == "random" else ""
    title = f"Chain [{',1' * (len(c) + 2)}]".replace("[,", "[")
    return Subject(
        field,
        ("a₁", "a₂", "a₃")[: len(c) + 1],
        f"{title}: {given}α = {_short(alpha)}, β = {_short(beta)}"
        + ", exact feedback" * (feedback == "exact"),
        exact=Chain(c=c, alpha=alpha, beta=beta) if feedback == "random" else None,
    )


def _power(options: dict[str, Any]) -> Subject:
    from ..theory import PowerChain

    names = ("mu", "c", "alpha", "beta")
    mu, c, alpha, beta = (number(options.get(n, "3" if n == "mu" else "1"), n) for n in names)
    feedback = _feedback("power", options, ("random", "exact", "no_derivative"))
    more = {n: float(number(options[n], n)) for n in ("gamma", "delta") if n in options}
    if feedback == "no_derivative" and len(more) < 2:
        raise ValueError("power with --feedback no_derivative needs --gamma and --delta.")
    if feedback != "no_derivative" and more:
        raise ValueError("power uses --gamma and --delta with --feedback no_derivative only.")
    field = power_chain_flow(
        float(mu), float(c), float(alpha), float(beta), feedback=feedback, **more
    )
    return Subject(
        field,
        ("a₁", "a₂"),
        f"Power chain: μ = {_short(mu)}, c = {_short(c)}, α = {_short(alpha)}, β = {_short(beta)}"
        + f", {feedback.replace('_', ' ')}" * (feedback != "random"),
        exact=PowerChain(mu=mu, c1=c, alpha=alpha, beta=beta) if feedback == "random" else None,
    )


def _feedback(flow: str, options: dict[str, Any], known: tuple[str, ...]) -> Any:
    found = options.get("feedback", "random")
    if found not in known:
        raise ValueError(f"{flow} has no feedback {found!r}: there are {', '.join(known)}.")
    return found


def _leaky(options: dict[str, Any]) -> Subject:
    if "weights" not in options:
        raise ValueError('leaky needs --weights, such as "0.5 -1.2; 0.9 0.1".')
    rows = [row.replace(",", " ").split() for row in options["weights"].split(";")]
    if [len(row) for row in rows] != [2, 2]:
        raise ValueError(
            f'weights is {options["weights"]!r}: give two rows of two, such as "0.5 -1.2; 0.9 0.1".'
        )
    weights = [[float(number(entry, "weights")) for entry in row] for row in rows]
    inputs = numbers(options.get("inputs", "0,0"), "inputs")
    if len(inputs) != 2:
        raise ValueError(f"inputs has {len(inputs)} numbers: give one for each of the two units.")
    activation = activation_named(options.get("activation", "tanh"))
    return Subject(
        LeakyIntegrator(weights=jnp.array(weights), activation=activation),
        ("s₁", "s₂"),
        f"Two leaky integrators, {activation.name}",
        inputs=jnp.array([float(x) for x in inputs]),
    )


def _expression(options: dict[str, Any]) -> Subject:
    if "expression" not in options:
        raise ValueError("expr needs its equations, such as expr \"x' = y; y' = -x\".")
    parameters = _settings(options.get("set", ()))
    field = field_from_text(options["expression"], **parameters)
    if len(field.variables) != 2:
        raise ValueError(
            f"the expression has {len(field.variables)} equation(s): a portrait needs just two."
        )
    told = ", ".join(f"{name} = {_short(value)}" for name, value in parameters.items())
    return Subject(field, field.variables, told)


def _classic(name: str, options: dict[str, Any]) -> Subject:
    changed = _settings(options.get("set", ()))
    field, system = classic_field(name, **changed), PLANAR[name]
    told = "".join(f", {key} = {_short(value)}" for key, value in changed.items())
    xlim, ylim = ((float(low), float(high)) for low, high in (system.xlim, system.ylim))
    return Subject(field, field.variables, system.title + told, xlim=xlim, ylim=ylim)


def _settings(pairs: tuple[str, ...]) -> dict[str, float]:
    """Parameters from words such as "mu=1.5"."""
    found: dict[str, float] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ValueError(f"set has {pair!r}: write a name and a number, such as mu=1.5.")
        if name in found:
            raise ValueError(f"set gives {name!r} twice: give each parameter once.")
        found[name] = float(number(text, f"set {name}"))
    return found


def _short(value: Any) -> str:
    """A number for a title."""
    return np.format_float_positional(float(value), precision=4, trim="-").replace("-", "−")
