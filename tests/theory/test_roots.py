"""Exact real roots, scalar flows, and the letters that stand for matrices of any size."""

import numpy as np
import pytest
import sympy as sp

from neurodyn.theory.roots import follow, nearest_root, rational, real_roots, sign_at
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
    narrow = found[2].narrowed()
    assert 0 < narrow.upper - narrow.lower <= sp.Rational(1, 10**32)
    assert narrow.lower**2 < 2 < narrow.upper**2
    assert found[2].value == sp.sqrt(2)
    assert [r.side_of(sp.Rational(7, 5)) for r in found] == [-1, -1, 1, 1]
    assert nearest_root(sp.Poly(X**2 - 2, X), sp.Integer(2), 1) is None
    assert sign_at(sp.Poly(X**2 - 2, X), sp.Rational(3, 2)) == 1


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
def test_follow(poly, start, kind, value):
    reached = follow(sp.Poly(poly, X, domain="QQ"), sp.Rational(start))
    assert reached.kind == kind
    assert (reached.root is None) if value is None else (reached.root.value == value)


@pytest.mark.parametrize("bad", ["one", None, float("nan"), float("inf"), "1/0", sp.pi, X])
def test_what_is_no_rational_is_refused(bad):
    with pytest.raises(ValueError, match=r"^a0 has .*: give a finite number"):
        rational(bad, "a0")
