"""The claims of [001 ch 4] on the dyadic objective, its gradient and the structured weights."""

import itertools
from collections.abc import Callable
from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..dyadic import Dyadic, dyadic_block, unit_energy
from ..opaque import Matrix, each, gradient, matrix, no_diagonal, opaque, vanishes, vector
from ..relaxed import hopfield_energy

BETA = sp.Symbol("β", positive=True)
GENERIC = "n = 1..4, every f and loss"


def dyadic(weights: Matrix, loss: Any = None) -> Dyadic:
    """The dyadic net of `weights`, with symbols for states and drive, opaque G and opaque loss."""
    n = weights.rows
    states = (vector("p", n), vector("m", n))
    return Dyadic(weights, vector("b", n), *states, BETA, opaque("G"), loss or opaque("l"))


def decide(holds: bool, sizes: str = GENERIC, values: dict[str, object] | None = None) -> Evidence:
    """Evidence of an algebraic identity, or of its failure."""
    method = "symbolic identity" if holds else "symbolic counter-example"
    return Evidence(holds, method, sizes, values or {})


# -- derivation -----------------------------------------------------------------------------------


def same_minimisers() -> Evidence:
    """Eq 4.1 against P5, two binary units: every pair of responses argmin E_k(·, s̄_other)."""
    half = sp.Rational(1, 2)
    means, bits = (sp.S.Zero, half, sp.S.One), (sp.S.Zero, sp.S.One)
    responses: list[dict[Any, Any]] = [
        dict(zip(means, r, strict=True)) for r in itertools.product(bits, repeat=3)
    ]
    for first, second in itertools.product(responses, repeat=2):
        single = {(a, b) for a in bits for b in bits if (a, b) == (first[b], second[a])}
        double = set()
        for a, b, c, d in itertools.product(bits, repeat=4):  # s⁺ = (a, b), s⁻ = (c, d)
            mean = ((a + c) / 2, (b + d) / 2)
            answer = (first[mean[1]], second[mean[0]])
            if (a, b) == answer and (c, d) == answer:
                double.add(((a, b), (c, d)))
        if double != {(s, s) for s in single}:
            return Evidence(False, "exhaustive")
    return Evidence(
        True,
        "exhaustive; s⁺ and s⁻ minimise the same energies, so one minimiser makes them equal",
        "two binary units, all 64 pairs of unique minimisers",
    )


def penalties_cancel() -> Evidence:
    """The penalties of Eq 4.2, added for s⁺ and subtracted for s⁻, against those of Eq 4.3."""
    gaps = []
    for size in range(1, 5):
        plus, minus, lowest = vector("p", size), vector("m", size), vector("e", size)
        total, claimed = sp.S.Zero, sp.S.Zero
        for k in range(size):
            mean = [(p + m) / 2 for i, (p, m) in enumerate(zip(plus, minus, strict=True)) if i != k]
            energy = opaque(f"E{k}")
            total += (energy(plus[k], *mean) - lowest[k]) - (energy(minus[k], *mean) - lowest[k])
            claimed += energy(plus[k], *mean) - energy(minus[k], *mean)
        gaps.append(total - claimed)
    return decide(vanishes(*gaps), "n = 1..4, every E_k")


def unit_stationarity() -> Evidence:
    """∂E_k/∂s_k of Eq 4.4 against f⁻¹(s) − Ws − θ₀x."""
    gaps = []
    for size in range(1, 5):
        weights, s, b = no_diagonal("W", size), vector("s", size), vector("b", size)
        for k in range(size):
            force = sp.diff(unit_energy(k, s[k], s, weights, b, opaque("G")), s[k])
            field = (weights * s)[k] + b[k]
            gaps.append(force - (opaque("G", (1,))(s[k]) - field))
    return decide(vanishes(*gaps), "n = 1..4, every f")


def hopfield_driven() -> Evidence:
    """The Hopfield energy with a drive: its force, and that skew parts of W do not enter it."""
    gaps, unchanged = [], []
    for size in range(1, 5):
        weights, s, b = matrix("W", size, size), vector("s", size), vector("b", size)
        energy = hopfield_energy(weights, s, opaque("G"), b)
        both = (weights + weights.T) / 2
        gaps.append(gradient(energy, s) - (each(opaque("G", (1,)), s) - both * s - b))
        unchanged.append(energy - hopfield_energy(both, s, opaque("G"), b))
    return decide(vanishes(*gaps, *unchanged), "n = 1..4, every f")


def objective_by_units(diagonal: bool = False) -> Evidence:
    """Eq 4.3 with the energies 4.4 against Eq 4.7."""
    for size in range(1, 5):
        weights = matrix("W", size, size) if diagonal else no_diagonal("W", size)
        net = dyadic(weights)
        if not vanishes(net.by_units() - net.objective()):
            return decide(False, f"n = {size}")
    return decide(True, "n = 1..4, W with a zero diagonal, every f and loss")


def pair_stationarity(transpose: bool = True) -> Evidence:
    """∂/∂s± of Eq 4.7 against f⁻¹(s±) = Ws̄ + θ₀x ± ½Wᵀ(s⁺ − s⁻) ∓ (β/2)ℓ'(s±)."""
    for size in range(1, 5):
        net = dyadic(no_diagonal("W", size))
        carry = net.weights.T if transpose else net.weights
        back = carry * (net.plus - net.minus) / 2
        for sign, state, force in zip((1, -1), (net.plus, net.minus), net.forces(), strict=True):
            teach = BETA / 2 * gradient(net.loss(*state), state)
            field = net.weights * net.mean + net.drive + sign * (back - teach)
            if not vanishes(force - each(opaque("G", (1,)), state) + field):
                return decide(False, f"n = {size}")
    return decide(True)


def block_form(block: Callable[[Any], Any] = dyadic_block) -> Evidence:
    """Eq 4.7 against Eq 4.8 with the matrix that `block` makes of W."""
    # the text shows W − Wᵀ below W + Wᵀ and loses the fourth block; equality with Eq 4.7 and the
    # symmetry stated right after Eq 4.8 leave one reading, the one of dyadic_block
    for size in (1, 2, 3):
        net = dyadic(no_diagonal("W", size))
        if not vanishes(net.objective() - net.by_block(block(net.weights))):
            return decide(False, f"n = {size}")
    return decide(True, "n = 1..3, every f and loss", {"lower left block": "Wᵀ − W"})


def block_symmetric(block: Callable[[Any], Any] = dyadic_block) -> Evidence:
    """Whether 𝒲(W) is symmetric for every W."""
    gaps = [block(w) - block(w).T for w in (matrix("W", n, n) for n in range(1, 5))]
    return decide(vanishes(*gaps), "n = 1..4")


# -- gradient -------------------------------------------------------------------------------------


def dyadic_gradient(transpose: bool = True) -> Evidence:
    """The limit β → 0 of −(s⁺ − s⁻)s̄ᵀ/β against the implicit gradient of ℓ at the fixed point.

    States s ± βv/2 solve the stationarity conditions at first order if (P − Wᵀ)v = −ℓ', where
    P = diag(1/f'). The gradient comes from (P − W) ds = dW s, with P − W invertible.
    """
    t = sp.Symbol("t")
    for size in (1, 2, 3):
        net = dyadic(no_diagonal("W", size))
        s, v = vector("s", size), vector("v", size)
        carry = net.weights.T if transpose else net.weights
        slopes = sp.diag(*each(opaque("G", (1, 1)), s))
        loss_gradient = gradient(net.loss(*s), s)
        needed = -(slopes - carry) * v  # what ℓ' is, by the condition on v
        moved = dict(
            zip([*net.plus, *net.minus], [*(s + t * v / 2), *(s - t * v / 2)], strict=True)
        )
        first_order = [
            force.subs(BETA, t)
            .subs(moved)
            .diff(t)
            .subs(t, 0)
            .subs(dict(zip(loss_gradient, needed, strict=True)))
            for force in net.forces()
        ]
        estimate = net.update().subs(BETA, t).subs(moved).applyfunc(sp.cancel)
        system = slopes - net.weights
        sensitivity = needed.T * system.adjugate()
        gap = sensitivity.T * s.T - system.det() * estimate
        if not vanishes(*first_order, gap):
            return decide(False, f"n = {size}")
    return decide(True, "n = 1..3, every W with P − W invertible, every f and loss")


def dyadic_bias(scale: int = -1) -> Evidence:
    """Swapping s⁺ and s⁻ undoes β → −β, so the update is even in β; one unit meets order 2."""
    for size in range(1, 4):
        net = dyadic(no_diagonal("W", size))
        swapped = Dyadic(
            net.weights, net.drive, net.minus, net.plus, scale * BETA, net.potential, net.loss
        )
        down, up = net.forces()
        down2, up2 = swapped.forces()
        if not vanishes(down - up2, up - down2, net.update() - swapped.update()):
            return decide(False, f"n = {size}")
    b, y = sp.symbols("b y")
    p, m = sp.symbols("p_0 m_0")
    unit = Dyadic(
        sp.zeros(1, 1),
        sp.Matrix([b]),
        sp.Matrix([p]),
        sp.Matrix([m]),
        BETA,
        lambda u: u**2 / 2,
        lambda u: (u - y) ** 2 / 2,
    )
    at = sp.solve([force[0] for force in unit.forces()], [p, m], dict=True)[0]
    estimate = sp.cancel((-(p - m) / BETA).subs(at))  # of ∂ℓ/∂b = b − y
    met = vanishes(estimate - (b - y) / (1 - BETA**2 / 4))
    shown: dict[str, object] = {"one linear unit, estimate / gradient": "1/(1 − β²/4)"}
    return decide(met, "n = 1..3, every f and loss, smooth settled states", shown)


def maximum_at_every_beta() -> Evidence:
    """One linear unit with ℓ = ½(s − y)² at β = 4: the objective curves upwards in s⁻."""
    p, m, b, y = sp.symbols("p_0 m_0 b y", real=True)
    states = (sp.Matrix([p]), sp.Matrix([m]))
    unit = Dyadic(
        sp.zeros(1, 1),
        sp.Matrix([b]),
        *states,
        sp.Integer(4),
        lambda u: u**2 / 2,
        lambda u: (u - y) ** 2 / 2,
    )
    curvature = sp.diff(unit.objective(), m, 2)
    shown: dict[str, object] = {"β": "4", "curvature in s⁻": str(curvature)}
    return Evidence(bool(curvature <= 0), "exact counter-example", "one linear unit", shown)


def maximum_below_pole(share: int = 2) -> Evidence:
    """−β∂²/∂s⁻² of Eq 4.7 against G'' − ½(W + Wᵀ) − (β/`share`)ℓ''."""
    for size in (1, 2, 3):
        net = dyadic(no_diagonal("W", size))
        bent = -BETA * gradient(net.objective(), net.minus).jacobian(net.minus)
        curvature = sp.diag(*each(opaque("G", (1, 1)), net.minus))
        loss = gradient(net.loss(*net.minus), net.minus).jacobian(net.minus)
        both = (net.weights + net.weights.T) / 2
        if not vanishes(bent - (curvature - both - BETA / share * loss)):
            return decide(False, f"n = {size}")
    return decide(True, "n = 1..3, every f and loss")


for _claim in (
    Claim(
        "thesis-eq41",
        "001 Eq 4.1",
        "With unique minimisers the problem in (s⁺, s⁻) is equivalent to P5: s⁺ = s⁻ = s.",
        same_minimisers,
    ),
    Claim(
        "thesis-eq43",
        "001 Eq 4.2, 4.3",
        "The penalties have opposite signs, so the terms min E_k cancel out.",
        penalties_cancel,
    ),
    Claim(
        "thesis-eq45",
        "001 Eq 4.4, 4.5",
        "At equilibrium of the energies E_k, s = f(Ws + θ₀x).",
        unit_stationarity,
    ),
    Claim(
        "thesis-eq46",
        "001 Eq 4.6",
        "The Hopfield energy gives s = f(½(W + Wᵀ)s + θ₀x): only the symmetric part is used.",
        hopfield_driven,
    ),
    Claim(
        "thesis-eq47",
        "001 Eq 4.7",
        "With the energies 4.4 the objective is Eq 4.7, where W_ii = 0.",
        objective_by_units,
    ),
    Claim(
        "thesis-eq47-stationary",
        "001 Eq 4.7",
        "Means travel by W and differences by Wᵀ: f⁻¹(s±) = Ws̄ + θ₀x ± ½Wᵀ(s⁺ − s⁻) ∓ (β/2)ℓ'(s±).",
        pair_stationarity,
    ),
    Claim(
        "thesis-eq48",
        "001 Eq 4.8",
        "Eq 4.7 is Eq 4.8 with 𝒲 = [[W + Wᵀ, W − Wᵀ], [Wᵀ − W, −(W + Wᵀ)]].",
        block_form,
    ),
    Claim(
        "thesis-eq48-symmetric",
        "001 below Eq 4.8",
        "𝒲(W) is always symmetric, whatever W.",
        block_symmetric,
    ),
    Claim(
        "thesis-dyadic-gradient",
        "001 Eq 4.7",
        "For every W the update −(s⁺ − s⁻)s̄ᵀ/β is, at β → 0, the gradient of the loss.",
        dyadic_gradient,
    ),
    Claim(
        "thesis-dyadic-bias",
        "001 Eq 4.7",
        "The update is biased by O(β²) only.",
        dyadic_bias,
    ),
    Claim(
        "thesis-dyadic-pole",
        "001 Eq 4.3",
        "The penalties may be weighted by any 1/β > 0 in min over s⁺, max over s⁻.",
        maximum_at_every_beta,
        maximum_below_pole,
        correction="The maximum over s⁻ is strictly concave where (β/2)ℓ'' + ½(W + Wᵀ) ≺ G''.",
        hypothesis="β small enough: (β/2)ℓ'' + ½(W + Wᵀ) ≺ G''",
        reason="s⁻ is drawn towards high loss, and past the pole its energy no longer holds it.",
    ),
):
    register(_claim)
