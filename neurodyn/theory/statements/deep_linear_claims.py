"""Claims on linear networks of any depth and any sizes: 004 Eq 80–87.

Every matrix is a letter that does not commute, so an identity here holds for all sizes that fit.
"""

from collections.abc import Callable
from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..words import Swap, derivative, letters, trace, transpose, vanish

DEPTHS = range(2, 6)


class _Deep:
    """The letters of a network with `depth` weight matrices, and its learning rates."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        weights = " ".join(f"A{i}" for i in range(1, depth + 1))
        feedback = " ".join(f"C{i}" for i in range(1, depth))
        plain, _, self.swap = letters(f"{weights} {feedback} M", symmetric="S")
        self.A, self.C = plain[:depth], [*plain[depth : 2 * depth - 1], sp.S.One]
        self.moment, self.second = plain[-2], plain[-1]
        self.P = sp.Mul(*reversed(self.A))
        self.error = self.moment - self.P * self.second

    def below(self, i: int) -> Any:
        """A_{i−1}…A_1, transposed."""
        return transpose(sp.Mul(*reversed(self.A[: i - 1])), self.swap)

    def above(self, i: int) -> Any:
        """A_L…A_{i+1}, transposed."""
        return transpose(sp.Mul(*reversed(self.A[i:])), self.swap)

    def skipped(self, i: int) -> Any:
        """dA_i/dt of SRBP, Eq 81."""
        return self.C[i - 1] * self.error * self.below(i)

    def descent(self, i: int) -> Any:
        """dA_i/dt of gradient descent, Eq 84."""
        return self.above(i) * self.error * self.below(i)


def _each(difference: Callable[["_Deep", int], list[Any]], top: int) -> Evidence:
    """The identity for every layer i = 1..depth − `top` of every depth."""
    differences = [
        d
        for net in map(_Deep, DEPTHS)
        for i in range(1, net.depth + 1 - top)
        for d in difference(net, i)
    ]
    return Evidence(vanish(differences), "identity in free letters", "L = 2..5, all sizes")


def update() -> Evidence:
    """Eq 80: (A_{i−1}…A_1 I)ᵗ = IᵗA_1ᵗ…A_{i−1}ᵗ, and Eq 81 is its average."""

    def difference(net: _Deep, i: int) -> list[Any]:
        (x, t), _, more = letters("I T")
        swap: Swap = net.swap | more
        deep = net.C[i - 1] * (t - net.P * x)
        hidden = sp.Mul(*reversed(net.A[: i - 1])) * x
        single = sp.expand(deep * transpose(hidden, swap))
        listed = sp.expand(deep * swap[x] * sp.Mul(*(swap[a] for a in net.A[: i - 1])))
        # E(TIᵗ) and E(IIᵗ), inside every term
        averaged = single.subs(t * swap[x], net.moment).subs(x * swap[x], net.second)
        return [single - listed, averaged - net.skipped(i)]

    return _each(difference, 0)


def coupling() -> Evidence:
    """Eq 82–83: dA_{i+1} = C_{i+1}C_i⁻¹ dA_i A_iᵗ for invertible C_i."""

    def difference(net: _Deep, i: int) -> list[Any]:
        inverse = sp.Pow(net.C[i - 1], -1)
        step = inverse * net.skipped(i) * net.swap[net.A[i - 1]]
        return [net.skipped(i + 1) - net.C[i] * sp.expand(step)]

    return _each(difference, 1)


def gradient() -> Evidence:
    """Eq 84 and 86: the derivative of E‖T − PI‖²/2 in any direction D is −tr(Dᵗ dA_i/dt)."""

    def difference(net: _Deep, i: int) -> list[Any]:
        (D,), _, more = letters("D")
        swap = net.swap | more
        Pt = transpose(net.P, swap)
        # the trace of E(TTᵗ)/2 is constant
        loss = net.P * net.second * Pt / 2 - net.moment * Pt
        turn = {net.A[i - 1]: D, swap[net.A[i - 1]]: swap[D]}
        return [trace(derivative(loss, turn), swap) + trace(swap[D] * net.descent(i), swap)]

    return _each(difference, 0)


def descent_coupling() -> Evidence:
    """Eq 85: A_{i+1}ᵗ dA_{i+1}/dt = dA_i/dt A_iᵗ."""

    def difference(net: _Deep, i: int) -> list[Any]:
        next_t, this_t = net.swap[net.A[i]], net.swap[net.A[i - 1]]
        return [next_t * net.descent(i + 1) - net.descent(i) * this_t]

    return _each(difference, 1)


def through_layers() -> Evidence:
    """Eq 87: RBP is SRBP with B_i = C_i…C_{L−1}."""

    def difference(net: _Deep, i: int) -> list[Any]:
        product = sp.Mul(*net.C[i - 1 : -1])
        signal = net.error
        for matrix in reversed(net.C[i - 1 : -1]):  # the error goes down layer by layer
            signal = matrix * signal
        return [signal * net.below(i) - product * net.error * net.below(i)]

    return _each(difference, 0)


def rank_limit() -> Evidence:
    """N = (3, 3, 1, 3): every product C1C2 (3×1 times 1×3) is singular, though B_1 is 3×3."""
    C1, C2 = sp.Matrix(sp.symbols("u1:4")), sp.Matrix([sp.symbols("v1:4")])
    return Evidence(sp.expand((C1 * C2).det()) == 0, "symbolic identity", "widths 3, 3, 1, 3")


for _claim in (
    # superscripts of Eq 80 and the d of dA in Eq 85 are lost in the extracted text
    Claim(
        "deep-eq81",
        "004 Eq 80-81",
        "dA_i/dt = C_i(Σ_TI − PΣ_II)A_1ᵗ…A_{i−1}ᵗ is the average of the update",
        update,
    ),
    Claim("deep-eq83", "004 Eq 82-83", "dA_{i+1} = C_{i+1}C_i⁻¹ dA_i A_iᵗ", coupling),
    Claim(
        "deep-eq84",
        "004 Eq 84, 86",
        "gradient descent is dA_i/dt = A_{i+1}ᵗ…A_Lᵗ(Σ_TI − PΣ_II)A_1ᵗ…A_{i−1}ᵗ",
        gradient,
    ),
    Claim("deep-eq85", "004 Eq 85", "A_{i+1}ᵗ dA_{i+1}/dt = dA_i/dt A_iᵗ", descent_coupling),
    Claim("deep-eq87", "004 Eq 87", "RBP is SRBP with B_i = C_i…C_{L−1}", through_layers),
    Claim(
        "deep-rank",
        "004 after Eq 87",
        "the sizes of the layers may limit the rank of the B_i",
        rank_limit,
    ),
):
    register(_claim)
