"""Claims of 002, first part: targets to first order in β (Eq 5–14)."""

from collections.abc import Callable
from itertools import pairwise

import sympy as sp

from ..claim import Claim, Evidence, register
from ..layers import Activation, Loss, Matrix, matrix, partials, vanishes
from ..target import Map, difference_target

_BETA = sp.Symbol("beta", positive=True)


def two_jet(name: str, rows: int, columns: int) -> tuple[Matrix, Callable[[Matrix], Matrix]]:
    """A general map near a point to second order: its Jacobian J, and d ↦ Jd + dᵀHd/2.

    Every coefficient is a symbol, so a derivative at the point of first or second order that is
    found with it holds for every map with two derivatives.
    """
    jacobian = matrix(f"J{name}", rows, columns)
    hessians = [matrix(f"H{name}{i}", columns, columns) for i in range(rows)]

    def change(d: Matrix) -> Matrix:
        return jacobian * d + sp.Matrix([(d.T * h * d)[0] / 2 for h in hessians])

    return jacobian, change


def _decoder(change: Callable[[Matrix], Matrix], centre: Matrix, value: Matrix) -> Map:
    return lambda z: value + change(z - centre)


def _orders(values: Matrix) -> list[Matrix]:
    """Coefficients of β⁰, β¹, β² of polynomials in β."""
    return [values.diff(_BETA, k).subs(_BETA, 0) / sp.factorial(k) for k in range(3)]


def _top_gradient() -> Evidence:
    """Gradient of Eq 6 at l = L, with the target of Eq 5 held constant, against ∂L/∂W_L."""
    for n, m in ((1, 1), (1, 2), (2, 2), (3, 2)):
        weight, below, held = matrix("w", n, m), matrix("h", m), matrix("tau", n)
        h = (weight * below).applyfunc(Activation)
        loss = Loss(*h)
        local = sum(((h[i] - held[i]) ** 2 for i in range(n)), start=sp.S.Zero) / (2 * _BETA)
        target = dict(zip(held, h - _BETA * partials(loss), strict=True))  # Eq 5
        if not vanishes(local.diff(w).subs(target) - loss.diff(w) for w in weight):
            return Evidence(False, "symbolic difference is not zero", f"{n}×{m}")
    return Evidence(True, "symbolic identity, σ and L left open", "W 1×1, 1×2, 2×2, 3×2")


def _difference_correction() -> Evidence:
    """Eq 8 at τ_{l+1} = h_{l+1}, with g open, beside what plain TP leaves there."""
    above, below = matrix("a", 2), matrix("b", 3)
    names = ("g1", "g2", "g3")

    def g(v: Matrix) -> Matrix:
        return sp.Matrix([sp.Function(name)(*v) for name in names])

    corrected = difference_target(g, above, above, below) - below
    left = list(g(above) - below)
    shown: dict[str, object] = {"left by TP": str(left[0]) + ", …"}
    return Evidence(
        vanishes(corrected) and not vanishes(left), "symbolic identity, g open", values=shown
    )


def first_order(order: int = 1, swap: bool = False) -> Evidence:
    """Eq 9: targets sent down by Eq 8 through general decoders, up to β^`order`.

    `swap` multiplies the Jacobians with k decreasing from left to right.
    """
    for sizes in ((2, 2, 2), (2, 3, 2), (1, 2, 2, 2), (3, 2, 3)):
        d = _BETA * matrix("d", sizes[-1])  # Δh_L of Eq 5 is proportional to β
        jacobians: list[Matrix] = []
        above = matrix("h", sizes[-1])
        target = above + d
        for k, (low, high) in reversed(list(enumerate(pairwise(sizes)))):
            jacobian, change = two_jet(str(k), low, high)
            below, value = matrix(f"h{k}", low), matrix(f"g{k}", low)
            target = difference_target(_decoder(change, above, value), target, above, below)
            above = below
            jacobians.insert(0, jacobian)
        ordered = list(reversed(jacobians)) if swap else jacobians
        if any(a.cols != b.rows for a, b in pairwise(ordered)):
            continue
        product = ordered[0]
        for jacobian in ordered[1:]:
            product = product * jacobian
        rest = _orders(target - above - product * d)
        if not all(vanishes(part) for part in rest[: order + 1]):
            where = "A" + str(list(sizes))
            return Evidence(False, "symbolic difference is not zero", where)
    named = "sizes (h_l…h_L) 2-2-2, 2-3-2, 1-2-2-2, 3-2-3, encoders not used"
    return Evidence(True, "derivatives at β = 0, all second-order maps", named)


def inverse_product(swap: bool = False) -> Evidence:
    """Eq 10 = Eq 11 with J_g = J_f⁻¹, sizes left open; `swap` reverses the order of the J_g."""
    for count in range(1, 9):
        encoders = sp.symbols(f"J1:{count + 1}", commutative=False)
        composed = sp.Mul(*reversed(encoders))  # J_{f_L} … J_{f_{l+1}}
        ordered = reversed(encoders) if swap else encoders  # k increasing from left to right
        decoders = sp.Mul(*[j**-1 for j in ordered])
        if decoders * composed != 1 or composed * decoders != 1:
            return Evidence(False, "product is not the inverse", f"L − l = {count}")
    return Evidence(True, "identity of non-commuting symbols", "L − l = 1..8, any sizes")


def _pinv_product() -> Evidence:
    """Whether (J_2 J_1)⁺ can differ from J_1⁺ J_2⁺."""
    upper, lower = sp.Matrix([[1, 0]]), sp.Matrix([[1], [1]])
    whole, parts = (upper * lower).pinv(), lower.pinv() * upper.pinv()
    shown: dict[str, object] = {"(J₂J₁)⁺": str(whole[0]), "J₁⁺J₂⁺": str(parts[0])}
    return Evidence(whole != parts, "exact example", "1×2 and 2×1", shown)


def angle_form(swap: bool = False) -> Evidence:
    """(τ_l − h_l)·(f_l(τ_{l−1}) − h_l) for Δh_l = βd against β²·dᵀJ_fJ_g d [Eq 13, 14]."""
    for low, high in ((1, 1), (2, 2), (2, 3), (3, 2)):
        d = _BETA * matrix("d", high)
        back, g_change = two_jet("g", low, high)
        ahead, f_change = two_jet("f", high, low)
        inner = (d.T * f_change(g_change(d)))[0]
        product = back * ahead if swap else ahead * back
        if product.shape != (high, high):
            return Evidence(False, "product of the wrong size", f"{low}, {high}")
        parts = _orders(sp.Matrix([inner - (d.T * product * d)[0]]))
        if not all(vanishes(part) for part in parts):
            return Evidence(False, "symbolic difference is not zero", f"{low}, {high}")
    sizes = "N_{l−1}, N_l = 1,1; 2,2; 2,3; 3,2; remainder O(β³)"
    return Evidence(True, "derivatives at β = 0, all second-order maps", sizes)


for _claim in (
    Claim(
        "target-eq6-top",
        "002 Eq 5–6",
        "At the top layer the local loss, with τ held constant, has the gradient ∂L/∂W_L.",
        _top_gradient,
    ),
    Claim(
        "target-eq8",
        "002 Eq 8",
        "The difference correction takes away the reconstruction error: τ_{l+1}=h_{l+1} ⇒ τ_l=h_l.",
        _difference_correction,
    ),
    Claim(
        "target-eq9",
        "002 Eq 9–10",
        "Δh_l ≃ [∏_{k=l+1}^L J_{g_k}] Δh_L to first order in β (k increasing to the right).",
        first_order,
    ),
    Claim(
        "target-eq11",
        "002 Eq 11",
        "With J_{g_k} = J_{f_k}⁻¹ the product is J_{f_{l+1:L}}⁻¹.",
        inverse_product,
    ),
    Claim(
        "target-pinv-product",
        "002 text after Eq 11",
        "J⁺_{f_{l+1:L}} = ∏ J⁺_{f_k} is not always satisfied.",
        _pinv_product,
    ),
    Claim(
        "target-eq14",
        "002 Eq 13–14",
        "To first order the angle of Eq 13 is decided by Δh_lᵀ J_{f_l} J_{g_l} Δh_l.",
        angle_form,
    ),
):
    register(_claim)
