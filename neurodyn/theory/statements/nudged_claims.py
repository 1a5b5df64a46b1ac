"""The claims of [001 §3.2] on equilibrium propagation and coupled learning."""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..opaque import Matrix, dot, gradient, opaque, symmetric, vanishes, vector
from ..relaxed import effective_hessian
from .relaxed_claims import BETA, BLOCKS

# -- equilibrium propagation ----------------------------------------------------------------------


def contrast_against_gradient(hessian: Any, mixed: Any, error: Any) -> Any:
    """det H times the difference of the EP limit and the gradient in one weight.

    Differentiating ∇E + β∇ℓ = 0 gives ds/dβ = −H⁻¹∇ℓ and ds/dw = −H⁻¹∂_w∇E. The EP limit is
    (∂_w∇E)ᵀ ds/dβ and the gradient ∇ℓᵀ ds/dw.
    """
    adjugate = hessian.adjugate()
    return -dot(mixed, adjugate * error) + dot(error, adjugate * mixed)


def linear_response(size: int) -> tuple[Matrix, Matrix, Matrix, bool]:
    """H, ∂_w∇E and ∇ℓ for opaque E and ℓ, and whether they govern all that the limit needs.

    Moves the states along a line, s + tu, and differentiates at t = 0: the nudged and the shifted
    stationarity conditions, ∂E/∂w, and ℓ.
    """
    s, u, w, t = vector("s", size), vector("u", size), sp.Symbol("w"), sp.Symbol("t")
    energy, loss = opaque("E")(*s, w), opaque("l")(*s)
    force, error = gradient(energy, s), gradient(loss, s)
    hessian, mixed = force.jacobian(s), force.diff(w)
    line = dict(zip(s, s + t * u, strict=True))

    def rate(moved: Any) -> Any:
        return moved.diff(t).subs(t, 0)

    gaps = (
        rate((force + t * error).subs(line)) - (hessian * u + error),  # in β
        rate(force.subs({**line, w: w + t})) - (hessian * u + mixed),  # in w
        rate(energy.diff(w).subs(line)) - dot(mixed, u),
        rate(loss.subs(line)) - dot(error, u),
    )
    return hessian, mixed, error, vanishes(*gaps)


def ep_limit() -> Evidence:
    """The β → 0 limit of the two-phase update against dℓ/dw, for opaque E and ℓ."""
    for size in range(1, 5):
        hessian, mixed, error, governed = linear_response(size)
        if not (governed and vanishes(contrast_against_gradient(hessian, mixed, error))):
            return Evidence(False, "symbolic identity", f"n = {size}")
    return Evidence(
        True,
        "symbolic identity after implicit differentiation",
        "n = 1..4, every smooth E and ℓ, at a free state with an invertible Hessian",
    )


def ep_bias(sign: int = -1) -> Evidence:
    """Leading bias of (φ(β) − φ(0))/β and of (φ(β) − φ(sign·β))/2β, where φ = ∂E/∂w at s^β."""
    coefficients = sp.symbols("φ_0:5")

    def phi(b: Any) -> Any:
        return sp.Add(*(c * b**k for k, c in enumerate(coefficients)))

    one = sp.expand((phi(BETA) - phi(0)) / BETA - coefficients[1])
    two = sp.expand((phi(BETA) - phi(sign * BETA)) / (2 * BETA) - coefficients[1])
    orders = (one.coeff(BETA, 0), one.coeff(BETA, 1), two.coeff(BETA, 0), two.coeff(BETA, 1))
    generic = orders[0] == 0 and orders[1] == coefficients[2] and orders[2:] == (0, 0)

    # E = ½(s − w)², ℓ = ½(s − y)²: both orders are met exactly
    s, w, y = sp.symbols("s w y")
    energy, loss = (s - w) ** 2 / 2, (s - y) ** 2 / 2
    state = sp.solve(sp.diff(energy + BETA * loss, s), s)[0]
    estimate = sp.diff(energy, w).subs(s, state)
    one_sided = sp.cancel(estimate / BETA)
    centred = sp.cancel((estimate - estimate.subs(BETA, sign * BETA)) / (2 * BETA))
    met = vanishes(one_sided - (w - y) / (1 + BETA), centred - (w - y) / (1 - BETA**2))
    return Evidence(
        generic and met,
        "Taylor series of a smooth φ, both orders met by a closed form",
        "every smooth E and ℓ",
        {"one-sided / gradient": "1/(1 + β)", "centred / gradient": "1/(1 − β²)"},
    )


# -- coupled learning -----------------------------------------------------------------------------


def coupled_limit(use_schur: bool = True) -> Evidence:
    """The α → 0 displacement of coupled learning against the EP one with error S(y − s⁰)."""
    for hidden, out in (*BLOCKS, (2, 2)):
        size = hidden + out
        hessian, error = symmetric("H", size), vector("e", out)  # e = y − s⁰ at the outputs
        h, o = list(range(hidden)), list(range(hidden, size))
        # outputs moved by e, hidden units minimise: H_hh d_h + H_ho e = 0
        inner = hessian.extract(h, h).LUsolve(hessian.extract(h, o) * error)
        moved = sp.Matrix([*(-inner), *error])
        felt = effective_hessian(hessian, o) * error if use_schur else error
        # EP: H d = e at the outputs and 0 elsewhere
        if not vanishes(hessian * moved - sp.Matrix([0] * hidden + list(felt))):
            return Evidence(False, "symbolic counter-example", f"{hidden} hidden, {out} output")
    return Evidence(
        True,
        "symbolic identity",
        "every smooth E with ℓ = ½‖s_o − y‖², 1–2 hidden and 1–2 output units",
    )


def coupled_direction(outputs: int) -> Evidence:
    """Whether the coupled update of the drives is parallel to EP's, Hessian [[2, 1], [1, 2]].

    With one output the second unit is hidden; with two none is.
    """
    hessian = sp.Matrix([[2, 1], [1, 2]])
    o = list(range(outputs))
    error = sp.Matrix([1, 0][:outputs])

    def displacement(felt: Any) -> Matrix:
        return hessian.LUsolve(sp.Matrix(list(felt) + [0] * (2 - outputs)))

    coupled = displacement(effective_hessian(hessian, o) * error)
    nudged = displacement(error)  # the negative gradient of ℓ in the drives
    cosine = sp.simplify(dot(coupled, nudged) / (coupled.norm() * nudged.norm()))
    shown: dict[str, object] = {"cosine to the gradient": str(cosine)}
    return Evidence(cosine == 1, "exact example", f"{outputs} output units", shown)


def coupled_lacks_guarantee() -> Evidence:
    """One exact example in which the coupled update is not along the gradient."""
    found = coupled_direction(2)
    return Evidence(not found.holds, "exact example", found.sizes, found.values)


def coupled_one_output() -> Evidence:
    """With one output the error is multiplied by a number, and the direction is kept."""
    number = effective_hessian(symmetric("H", 3), [2])
    keeps = coupled_limit().holds and number.shape == (1, 1) and coupled_direction(1).holds
    hessian = sp.Matrix([[20, 4, -6, 3], [4, 15, 5, -2], [-6, 5, 22, 7], [3, -2, 7, 18]]) / 10
    factor = effective_hessian(hessian, [3])[0]
    return Evidence(
        keeps,
        "symbolic identity",
        "every smooth E with ℓ = ½(s_o − y)², 1–2 hidden units",
        {"H_eff of the 4-unit example": str(factor), "as decimal": str(sp.N(factor, 17))},
    )


for _claim in (
    Claim(
        "thesis-ep-limit",
        "001 §3.2",
        "At β → 0 the update of equilibrium propagation is the gradient of ℓ(s(θ), y).",
        ep_limit,
    ),
    Claim(
        "thesis-ep-bias",
        "001 §3.2",
        "The one-sided estimate is biased by O(β), the centred one of [34] by O(β²).",
        ep_bias,
    ),
    Claim(
        "thesis-coupled-limit",
        "001 §3.2",
        "Coupled learning at α → 0 is EP with the output error times the effective Hessian.",
        coupled_limit,
    ),
    Claim(
        "thesis-coupled-one-output",
        "001 §3.2",
        "With one output, coupled learning at α → 0 is parallel to the gradient of ½(s_o − y)².",
        coupled_one_output,
    ),
    Claim(
        "thesis-coupled-guarantee",
        "001 §3.2",
        "Coupled learning lacks the guarantee of EP: with several outputs it is not the gradient.",
        coupled_lacks_guarantee,
    ),
):
    register(_claim)
