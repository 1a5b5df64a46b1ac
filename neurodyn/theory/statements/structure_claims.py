"""The claims of [001 §4.2] on structured weights: none, symmetric, triangular, skew, W_λ."""

from collections.abc import Callable
from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..dyadic import Dyadic, dyadic_block, interpolate, w_lambda
from ..lagrangian import Layered
from ..opaque import (
    Matrix,
    dot,
    each,
    gradient,
    no_diagonal,
    opaque,
    skew,
    strictly_lower,
    symmetric,
    vanishes,
    vector,
)
from ..relaxed import hopfield_energy
from .dyadic_claims import BETA, decide, dyadic

LAMBDA = sp.Symbol("λ", real=True)


def no_loss(*state: object) -> sp.Expr:
    """No teaching signal."""
    return sp.S.Zero


# -- without a teaching signal --------------------------------------------------------------------


def two_wells() -> Evidence:
    """W = [[0, 2], [2, 0]], f⁻¹(s) = s³ + s, no loss, no drive: s⁺ = (1, 1), s⁻ = (−1, −1)."""
    weights = sp.Matrix([[0, 2], [2, 0]])
    net = Dyadic(
        weights,
        sp.zeros(2, 1),
        vector("p", 2),
        vector("m", 2),
        BETA,
        lambda u: u**4 / 4 + u**2 / 2,
        no_loss,
    )
    at = dict(zip([*net.plus, *net.minus], (1, 1, -1, -1), strict=True))
    stationary = vanishes(*(force.subs(at) for force in net.forces()))
    shown: dict[str, object] = {"s⁺": "(1, 1)", "s⁻": "(−1, −1)"}
    return Evidence(not stationary, "exact counter-example", "two units, f⁻¹(s) = s³ + s", shown)


def one_well(bound: int = 1) -> Evidence:
    """With d = s⁺ − s⁻: dᵀ(f⁻¹(s⁺) − f⁻¹(s⁻)) = dᵀWd, split into squares and dᵀ(I − sym W)d.

    By the mean value, f⁻¹(s⁺) − f⁻¹(s⁻) = (1 + q²) d in each unit, as slopes of f are at most 1.
    """
    for size in range(1, 5):
        net = dyadic(no_diagonal("W", size), no_loss)
        down, up = net.forces()
        d, q = vector("d", size), vector("q", size)
        inverse = opaque("G", (1,))
        apart = each(inverse, net.plus) - each(inverse, net.minus)
        gap = down - up - (apart - net.weights.T * (net.plus - net.minus))
        stretch = sp.diag(*[bound + entry**2 for entry in q])
        both = (net.weights + net.weights.T) / 2
        squares = sp.Add(*(a**2 * b**2 for a, b in zip(q, d, strict=True)))
        rest = dot(d, (sp.eye(size) - both) * d)
        identity = dot(d, (stretch - net.weights.T) * d) - squares - rest
        if not vanishes(gap, identity):
            return decide(False, f"n = {size}")
    return decide(True, "n = 1..4, slopes of f in (0, 1], I − ½(W + Wᵀ) positive definite")


def dynamics_without_signal() -> Evidence:
    """At s⁺ = s⁻ = s and no loss both conditions against Eq 4.5: no Wᵀ is left."""
    gaps = []
    for size in range(1, 5):
        net = dyadic(no_diagonal("W", size), no_loss)
        s = vector("s", size)
        at = dict(zip([*net.plus, *net.minus], [*s, *s], strict=True))
        right = each(opaque("G", (1,)), s) - net.weights * s - net.drive
        gaps.extend(force.subs(at) - right for force in net.forces())
    return decide(vanishes(*gaps), "n = 1..4, every f")


# -- structured weights ---------------------------------------------------------------------------


def symmetric_is_ep() -> Evidence:
    """β × Eq 4.7 at W = Wᵀ against two Hopfield energies, nudged by +β/2 and −β/2."""
    gaps = []
    for size in range(1, 5):
        full = symmetric("W", size)
        net = dyadic(full - sp.diag(*full.diagonal()))
        nudged = [
            hopfield_energy(net.weights, state, net.potential, net.drive)
            + sign * BETA / 2 * net.loss(*state)
            for sign, state in ((1, net.plus), (-1, net.minus))
        ]
        gaps.append(BETA * net.objective() - (nudged[0] - nudged[1]))
        gaps.append(sum(dyadic_block(net.weights)[:size, size:]))
    return decide(vanishes(*gaps))


def stacked(net: Layered) -> Matrix:
    """The strictly lower triangular W of the layers 1 .. L of a feedforward net."""
    widths = [w.rows for w in net.weights]
    whole = sp.zeros(sum(widths), sum(widths))
    for layer in range(1, net.depth):
        row, column = sum(widths[:layer]), sum(widths[: layer - 1])
        whole[row : row + widths[layer], column : column + widths[layer - 1]] = net.weights[layer]
    return whole


def triangular_is_backprop(flip: bool = False) -> Evidence:
    """A layered W: (P − Wᵀ)v = −ℓ' is solved by v = −δ of Eq 3.3, so the limit is Eq 3.4.

    `flip` puts W for Wᵀ.
    """
    for widths in ((1, 1), (1, 1, 1), (2, 2, 1), (1, 2, 1, 2)):
        net = Layered.generic(widths)
        a, s = net.forward()
        slopes = [e for i in range(net.depth) for e in net.slopes(i + 1, a[i])]
        delta = sp.Matrix([e for part in net.deltas() for e in part])
        top = net.loss_gradient(s[-1])
        error = sp.Matrix([0] * (len(slopes) - top.rows) + list(top))
        whole = stacked(net)
        carry = whole if flip else whole.T
        # multiplied by f', to stay with polynomials
        gap = delta - sp.diag(*slopes) * (carry * delta + error)
        if not vanishes(gap):
            return decide(False, f"widths {widths}")
    return decide(True, "depths 1..3, widths 1..2, every f and loss")


def skew_is_bipartite() -> Evidence:
    """At W = −Wᵀ: 𝒲 has zero diagonal blocks and f⁻¹(s±) = Ws∓ + θ₀x ∓ (β/2)ℓ'(s±)."""
    gaps = []
    for size in range(1, 5):
        net = dyadic(skew("W", size))
        block = dyadic_block(net.weights)
        gaps += [block[:size, :size], block[size:, size:]]
        pairs = ((1, net.plus, net.minus), (-1, net.minus, net.plus))
        for (sign, state, other), force in zip(pairs, net.forces(), strict=True):
            teach = sign * BETA / 2 * gradient(net.loss(*state), state)
            field = net.weights * other + net.drive - teach
            gaps.append(force - each(opaque("G", (1,)), state) + field)
    return decide(vanishes(*gaps))


def layers_decouple(layered: bool = True) -> Evidence:
    """Connected parts of 𝒲 for a skew net: odd s⁺ with even s⁻, and the other way round."""
    for depth in range(2, 7):
        reach = 1 if layered else 2  # 2: connections that skip a layer
        lower = sp.zeros(depth, depth)
        for above in range(1, depth):
            lower[above, max(0, above - reach) : above] = sp.ones(1, min(reach, above))
        block = dyadic_block(lower - lower.T)
        edges = [(i, j) for i in range(2 * depth) for j in range(i) if block[i, j] != 0]
        # parity of layer plus sign of the state: constant along every edge if the two parts part
        side = [(i % depth + i // depth) % 2 for i in range(2 * depth)]
        if any(side[i] != side[j] for i, j in edges):
            return Evidence(False, "exact counter-example", f"{depth} layers")
    return Evidence(
        True,
        "graph of 𝒲: an edge changes the layer by one and the sign of the state",
        "2..6 layers of any width",
    )


def three_cases(form: Callable[[Matrix, Any], Matrix] = interpolate) -> Evidence:
    """W_0 skew, W_1 symmetric, W_½ = θ, with symmetric part λ(θ+θᵀ), skew part (1−λ)(θ−θᵀ)."""
    gaps = []
    for size in range(1, 6):
        theta = strictly_lower("θ", size)
        lowest, middle, highest = (form(theta, lam) for lam in (0, sp.Rational(1, 2), 1))
        general = form(theta, LAMBDA)
        gaps += [lowest + lowest.T, middle - theta, highest - highest.T]
        gaps.append((general + general.T) / 2 - LAMBDA * (theta + theta.T))
        gaps.append((general - general.T) / 2 - (1 - LAMBDA) * (theta - theta.T))
    return decide(vanishes(*gaps), "n = 1..5, all values")


def self_connections(strict: bool) -> Evidence:
    """Whether W_λ has a zero diagonal for lower triangular θ, or for strictly lower ones."""
    if not strict:
        theta = sp.Matrix([[1, 0], [3, 0]])
        diagonal = interpolate(theta, LAMBDA).diagonal()
        shown: dict[str, object] = {"θ": "[[1, 0], [3, 0]]", "(W_λ)_11": str(diagonal[0])}
        return Evidence(vanishes(diagonal), "exact counter-example", "n = 2", shown)
    diagonals = [w_lambda(strictly_lower("θ", n), LAMBDA).diagonal() for n in range(1, 6)]
    return decide(vanishes(*diagonals), "n = 1..5, all values")


for _claim in (
    Claim(
        "thesis-no-signal",
        "001 §4.2",
        "In the absence of a teaching signal s⁺ = s⁻.",
        two_wells,
        one_well,
        correction="s⁺ = s⁻ if slopes of f are in (0, 1] and λ_max(½(W + Wᵀ)) < 1.",
        hypothesis="the stationary pair is unique, as with λ_max(½(W + Wᵀ)) < 1",
        reason="With several stable states s⁺ and s⁻ can sit in different ones.",
    ),
    Claim(
        "thesis-no-signal-dynamics",
        "001 §4.2",
        "Where s⁺ = s⁻ the terms in Wᵀ cancel out and the states satisfy Eq 4.5.",
        dynamics_without_signal,
    ),
    Claim(
        "thesis-symmetric-ep",
        "001 §4.2 Symmetric weights",
        "For W = Wᵀ the objective splits into two nudged Hopfield energies: EP.",
        symmetric_is_ep,
    ),
    Claim(
        "thesis-triangular-dp",
        "001 §4.2 Lower triangular weights",
        "For a feedforward W the differences travel by Wᵀ as in backpropagation: DP.",
        triangular_is_backprop,
    ),
    Claim(
        "thesis-skew-bipartite",
        "001 §4.2 Skew-symmetric weights",
        "For W = −Wᵀ the states s⁺ only interact with s⁻ and vice versa.",
        skew_is_bipartite,
    ),
    Claim(
        "thesis-skew-layers",
        "001 §4.2 Skew-symmetric weights",
        "For layered skew nets odd s⁺ with even s⁻ decouple from even s⁺ with odd s⁻.",
        layers_decouple,
    ),
    Claim(
        "thesis-wlambda-cases",
        "001 §4.2 W_λ",
        "W_λ = θ − θᵀ + 2λθᵀ is skew-symmetric at λ = 0, θ at λ = ½ and symmetric at λ = 1.",
        three_cases,
    ),
    Claim(
        "thesis-wlambda-diagonal",
        "001 §4.2 W_λ",
        "For lower triangular θ, W_λ is feedforward at λ = ½ and has no self-connections.",
        lambda: self_connections(False),
        lambda: self_connections(True),
        correction="For strictly lower triangular θ the diagonal of W_λ is zero at every λ.",
        hypothesis="θ strictly lower triangular",
        reason="A diagonal of θ gives the self-connections 2λθ_ii.",
    ),
):
    register(_claim)
