"""Exact real roots, scalar flows, and the letters that stand for matrices of any size."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from neurodyn.theory.polynomial import PolynomialFlow
from neurodyn.theory.real_root import next_root, rational, real_roots
from neurodyn.theory.words import derivative, letters, trace, transpose, words

X = sp.Symbol("x")


def test_words_agree_with_numbers():
    rng = np.random.default_rng(0)
    (A, B, S), (At, Bt, _), swap = letters("A B", symmetric="S")
    a, b, s = rng.normal(size=(2, 3)), rng.normal(size=(3, 2)), rng.normal(size=(3, 3))
    s = s + s.T
    value = {A: a, B: b, S: s, At: a.T, Bt: b.T}

    def number(expr):
        total = np.zeros((2, 2))
        for c, word in words(expr):
            total += float(c) * np.linalg.multi_dot([value[letter] for letter in word])
        return total

    word = 3 * A * S * At - 2 * Bt * S * B
    assert np.allclose(number(word), 3 * a @ s @ a.T - 2 * b.T @ s @ b)
    assert np.allclose(number(transpose(A * S * B, swap)), (a @ s @ b).T)
    assert sp.expand(trace(A * S * B - B * A * S, swap)) == 0
    assert sp.expand(trace(A * B - Bt * At, swap)) == 0
    assert sp.expand(trace(A * B * A * B - A * At, swap)) != 0
    assert derivative(A * S * At, {A: Bt}) == Bt * S * At
    assert derivative(A**-1, {A: B}) == -(A**-1) * B * A**-1


def test_roots_beside_rational_neighbours():
    found = real_roots(sp.Poly((X - 1) * (X - 2) * (X**2 - 2) ** 2 * (X**2 + 1), X))
    assert [r.multiplicity for r in found] == [2, 1, 2, 1]
    narrow = found[2].refined(Fraction(1, 10**32))
    assert 0 < narrow.high - narrow.low <= Fraction(1, 10**32)
    assert narrow.low**2 < 2 < narrow.high**2
    assert found[2].exact() == sp.sqrt(2)
    assert [r.side_of(Fraction(7, 5)) for r in found] == [-1, -1, 1, 1]
    assert [r.side_of(Fraction(1)) for r in found] == [-1, 0, 1, 1]
    assert next_root(sp.Poly(X**2 - 2, X), Fraction(2), 1) is None
    assert PolynomialFlow(sp.Poly(X**2 - 2, X)).limit("3/2").direction == 1


def test_side_of_a_rational_root_inside_its_enclosure():
    third, half = real_roots(sp.Poly((3 * X - 1) * (2 * X - 1), X))
    assert third.side_of(Fraction(1, 3)) == half.side_of(Fraction(1, 2)) == 0
    assert [third.side_of(Fraction(k, 1000)) for k in (333, 334, 500)] == [1, -1, -1]


@pytest.mark.parametrize(
    ("poly", "start", "kind", "value"),
    [
        (-((X - 1) ** 2) * (X + 2), 1, "semistable", 1),
        (-((X - 1) ** 2) * (X + 2), "1/2", "stable", -2),
        (-((X - 1) ** 2) * (X + 2), -5, "stable", -2),
        (X**2 - 1, 2, "diverges", None),
        (X**2 - 1, 1, "unstable", 1),
        (X**2 - 1, -1, "stable", -1),
        (-(X**3), 0, "stable", 0),
        (sp.Integer(0), 3, "stationary", None),
        (sp.Integer(2), 3, "diverges", None),
    ],
)
def test_where_a_flow_goes(poly, start, kind, value):
    limit = PolynomialFlow(sp.Poly(poly, X, domain="QQ")).limit(sp.Rational(start))
    assert limit.kind == kind
    assert limit.root is None if value is None else limit.point == value


@pytest.mark.parametrize("bad", ["one", None, float("nan"), float("inf"), "1/0", sp.pi, X])
def test_what_is_no_rational_is_refused(bad):
    with pytest.raises(ValueError, match=r"^a0 has .*: give a finite number"):
        rational(bad, "a0")
