"""Exact travel times of x' = Q(x): ∫ dx/Q by partial fractions [004 Thm 1]."""

from typing import Any

import sympy as sp
from sympy.external import import_module
from sympy.integrals.rationaltools import ratint_ratpart

mpmath: Any = import_module("mpmath")  # SymPy's own arithmetic, which it always brings along


class SteadyRootSum(sp.RootSum):
    """A sum over the roots of a polynomial, evaluated until two precisions agree.

    Near a fixed point log(x − r) loses the digits that x and the root r share; a plain `RootSum`
    does not notice.
    """

    def _eval_evalf(self, prec: int) -> Any:
        work = prec + 32
        rough = self._at(work)
        while True:
            work *= 2
            fine = self._at(work)
            if abs(fine - rough) <= sp.Float(2) ** (-prec) * abs(fine):
                return fine
            rough = fine

    def _at(self, prec: int) -> Any:
        digits = mpmath.libmp.prec_to_dps(prec)
        constants = self.fun.expr.atoms(sp.CRootOf)
        body = self.fun.expr.xreplace({root: root.n(digits) for root in constants})
        term = sp.lambdify(self.fun.variables, body, "mpmath")
        with mpmath.workprec(prec):
            roots = [mpmath.mpmathify(root) for root in self.poly.nroots(digits, maxsteps=200)]
            return sp.Float(mpmath.fsum(term(root) for root in roots).real, digits)


def travel_time(poly: sp.Poly, start: sp.Expr, end: sp.Expr) -> sp.Expr:
    """The time that x' = Q(x) takes from `start` to `end`.

    **Arguments:** `poly`, Q over ℚ; `start` and `end`, with no root of Q between them or at them;
    `end` may be infinite if the degree of Q is at least 2.
    **Returns:** t = g(end) − g(start) + Σ_r h(r)/D'(r) log((end − r)/(start − r)), where
    ∫ dx/Q = g + ∫ h/D and D is square-free. Multiple roots make g, the algebraic part.

    >>> x = sp.Symbol("x")
    >>> travel_time(sp.Poly(x**2 - 1, x), sp.Integer(2), sp.oo)
    log(3)/2
    >>> travel_time(sp.Poly(x**3, x), sp.Integer(1), sp.oo)
    1/2
    """
    x: Any = poly.gen
    algebraic, top, bottom = _hermite(poly)
    total = -algebraic.subs(x, start)
    if not end.is_infinite:
        total += algebraic.subs(x, end)
    if not top.is_zero:
        for factor, _ in bottom.factor_list()[1]:
            total += _logarithms(top, bottom, factor, start, end)
    return total


def _hermite(poly: sp.Poly) -> tuple[Any, sp.Poly, sp.Poly]:
    """g, h and D of ∫ dx/Q = g + ∫ h/D with D square-free."""
    x = poly.gen
    one = sp.Poly(1, x, domain=sp.QQ)
    if poly.is_sqf:
        return sp.Integer(0), one, poly
    algebraic, rest = ratint_ratpart(one, poly, x)
    top, bottom = sp.fraction(sp.cancel(rest))
    return algebraic, sp.Poly(top, x, domain=sp.QQ), sp.Poly(bottom, x, domain=sp.QQ)


def _logarithms(top: sp.Poly, bottom: sp.Poly, factor: sp.Poly, start: Any, end: Any) -> Any:
    """Σ h(r)/D'(r) log(…) over the roots r of one irreducible factor of D."""
    x, r = factor.gen, sp.Dummy("r")
    slope: Any = bottom.diff().as_expr()
    share = top.as_expr().subs(x, r) / slope.subs(x, r)
    if not end.is_infinite:
        log = sp.log((end - r) / (start - r))
    else:
        # the shares sum to zero at degree 2 and more, so that log|x| drops out at infinity
        log = -sp.log(start - r if end > 0 else r - start)
    if factor.degree() > 2:
        return SteadyRootSum(
            factor.as_expr(), sp.Lambda(r, sp.re(share * log, evaluate=False)), auto=False
        )
    terms: list[Any] = [
        sp.simplify((share * log).subs(r, root)) for root in sp.roots(factor, multiple=True)
    ]
    # non-real roots come in pairs, whose imaginary parts cancel
    return sp.Add(*[t if t.is_real else sp.re(t) for t in terms])
