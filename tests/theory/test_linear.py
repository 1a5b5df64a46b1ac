"""Wide linear networks: end points against integration, and the verdict of every claim on them."""

import json
import pathlib
import random

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

from neurodyn.theory import TheoryVerdict, check
from neurodyn.theory.claim import _REGISTER
from neurodyn.theory.linear import Compressive, Expansive
from neurodyn.theory.real_root import real_roots
from neurodyn.theory.statements import (
    compressive_claims,
    deep_linear_claims,
    discreteness_claims,
    fibre_claims,
    fibre_order_claims,
    linear_claims,
    three_layer_claims,
    three_layer_limit_claims,
)
from neurodyn.theory.three_layer import ThreeLayer

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden_004_linear.json").read_text())["cases"]
X = sp.Symbol("x")

PROVED = TheoryVerdict.PROVED
ADDED = TheoryVerdict.PROVED_WITH_HYPOTHESIS
CORRECTED = TheoryVerdict.CORRECTED
REFUTED = TheoryVerdict.REFUTED

# what the catalogue of the papers' mathematics says
VERDICTS = {
    "wide-eq56": PROVED,
    "wide-eq58": PROVED,
    "wide-congruent": ADDED,
    "wide-eq59": PROVED,
    "wide-eq61": PROVED,
    "wide-eq62": PROVED,
    "wide-eq63": PROVED,
    "wide-thm5-converges": PROVED,
    "wide-thm5-minima": PROVED,
    "wide-thm5-zero-c": PROVED,
    "narrow-eq65": PROVED,
    "narrow-lemma1": PROVED,
    "narrow-eq70": PROVED,
    "narrow-eq74": PROVED,
    "narrow-eq75": CORRECTED,
    "narrow-thm6-unique-positive-root": PROVED,
    "narrow-thm6-independent": PROVED,
    "narrow-thm6-dependent": ADDED,
    "narrow-thm6-zero-c": ADDED,
    "narrow-thm6-upper": PROVED,
    "narrow-thm6-rates": PROVED,
    "narrow-thm6-diagonal": CORRECTED,
    "narrow-thm6-diagonal-optimal": REFUTED,
    "narrow-thm6-identity-optimal": PROVED,
    "deep-eq81": PROVED,
    "deep-eq83": PROVED,
    "deep-eq84": PROVED,
    "deep-eq85": PROVED,
    "deep-eq87": PROVED,
    "deep-rank": PROVED,
    "three-eq89": PROVED,
    "three-eq92": PROVED,
    "three-sizes": CORRECTED,
    "three-eq94": PROVED,
    "three-eq97": PROVED,
    "three-eq98-sign": CORRECTED,
    "three-eq98-bound": PROVED,
    "three-lemma2": ADDED,
    "three-eq102": PROVED,
    "three-eq104": PROVED,
    "three-a2-bounded": CORRECTED,
    "three-thm7": ADDED,
    "three-thm7-kernel": PROVED,
    "three-eq107": PROVED,
    "three-eq108": PROVED,
    "three-eq109": PROVED,
    "three-thm8": PROVED,
    "three-thm8-square-integrable": CORRECTED,
    "three-thm8-full-rank": ADDED,
    "three-eq110": CORRECTED,
    "three-thm9": CORRECTED,
    "three-thm9-other-proofs": CORRECTED,
    "fibre-eq123": PROVED,
    "fibre-eq126": PROVED,
    "fibre-eq127": PROVED,
    "fibre-triangular": CORRECTED,
    "fibre-eq129": PROVED,
    "fibre-scalar-fibre": PROVED,
    "fibre-lemma3": PROVED,
    "fibre-eq137": PROVED,
    "fibre-eq139": PROVED,
    "fibre-eq140": CORRECTED,
    "fibre-eq142": CORRECTED,
    "fibre-eq147": PROVED,
    "fibre-eq149": PROVED,
    "fibre-eq150": CORRECTED,
    "fibre-eq151": CORRECTED,
    "fibre-eq154": CORRECTED,
    "fibre-eq157": PROVED,
    "fibre-thm10": PROVED,
    "discrete-in-general": REFUTED,
    "discrete-second-family": PROVED,
    "discrete-n4-sphere": PROVED,
    "discrete-linearised": PROVED,
    "discrete-n4-attracts": PROVED,
    "discrete-n3-repels": PROVED,
    "discrete-koszul": ADDED,
    "fibre-minus-one": PROVED,
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(name: str):
    assert check(_REGISTER[name]).verdict == VERDICTS[name]


def test_every_claim_of_these_modules_is_in_the_table():
    begins = ("wide-", "narrow-", "deep-", "three-", "fibre-", "discrete-")
    assert {i for i in _REGISTER if i.startswith(begins)} == set(VERDICTS)


# --- feeding a wrong statement to the checkers


def test_wrong_statements_fail(monkeypatch: pytest.MonkeyPatch):
    m = fibre_order_claims
    assert not m.eq150(-3).holds
    assert not m.eq151(sp.eye(2)).holds
    assert not m.tangent(m.J, sp.diag(1, 2), sp.diag(1, 2))
    monkeypatch.setattr(m, "P", -m.P)
    assert not m.higher_order().holds
    assert not m.thm10().holds


def test_a_wrong_first_order_fails(monkeypatch: pytest.MonkeyPatch):
    m = fibre_claims
    monkeypatch.setattr(m, "Y", m.Y + m.A)
    assert not m.first_order().holds
    monkeypatch.setattr(m, "J", sp.eye(2))
    assert not m.proportional().holds


def test_a_wrong_lyapunov_matrix_fails(monkeypatch: pytest.MonkeyPatch):
    m = three_layer_limit_claims
    monkeypatch.setattr(m, "V", m.C * m.B * m.Bt * m.Ct + m.A * m.Tt * m.Ct + m.C * m.T * m.At)
    assert not m.lyapunov().holds
    assert not m.thm8().holds
    assert not m.thm9().holds


def test_a_wrong_invariant_fails(monkeypatch: pytest.MonkeyPatch):
    m = three_layer_claims
    monkeypatch.setattr(m, "C0", m.C * m.B + m.Bt * m.Ct + m.A * m.At)
    assert not m.invariant().holds
    assert not m.symmetrised().holds
    assert not m.thm7_corrected().holds


def test_wrong_rates_fail(monkeypatch: pytest.MonkeyPatch):
    def slowed(self, a, b):
        error = self.alpha - self.beta * sum(x * y for x, y in zip(a, b, strict=True))
        return tuple(c * error for c in self.c), tuple(2 * v * error for v in a)

    monkeypatch.setattr(Expansive, "rates", slowed)
    assert not linear_claims.vertical().holds
    assert not linear_claims.product_rate().holds
    assert linear_claims.horizontal().holds


def test_wrong_deep_rates_fail(monkeypatch: pytest.MonkeyPatch):
    deep = deep_linear_claims._Deep
    monkeypatch.setattr(deep, "descent", deep.skipped)
    assert not deep_linear_claims.gradient().holds
    assert not deep_linear_claims.descent_coupling().holds


def test_a_block_that_is_no_reflection_fails(monkeypatch: pytest.MonkeyPatch):
    shifted = lambda y, n: 2 * sp.eye(n)  # noqa: E731
    monkeypatch.setattr(discreteness_claims, "reflection", shifted)
    assert discreteness_claims.never_discrete().holds  # nothing found against discreteness


def test_two_positive_roots_would_be_noticed():
    assert compressive_claims.sign_changes([1, -3, 0, 1]) == 2


# --- [1,N,1]


@pytest.mark.parametrize("name", ["1N1_neg_all", "1N1_one_zero_c"])
def test_expansive_golden(name: str):
    given, wanted = GOLDEN[name]["inputs"], GOLDEN[name]["expected"]
    net = Expansive(given["c"], given["alpha"], given["beta"])
    flow, limit = net.clock(given["a0"], given["b0"]), net.limit(given["a0"], given["b0"])
    assert [float(c) for c in flow.all_coeffs()] == pytest.approx(wanted["tau_coeffs"])
    assert float(limit.tau) == pytest.approx(wanted["tau_star"], abs=1e-12)
    lower, upper = limit.n()
    assert [float(v) for v in lower] == pytest.approx(wanted["a_final"], abs=1e-12)
    assert [float(v) for v in upper] == pytest.approx(wanted["b_final"], abs=1e-12)
    assert limit.kind == "stable" and limit.rate < 0
    assert limit.interval[1] - limit.interval[0] <= sp.Rational(1, 10**30)


def fraction(rng: random.Random) -> sp.Rational:
    return sp.Rational(rng.randint(-20, 20), 10)


def integrated(rates, start, end: float) -> np.ndarray:
    found = solve_ivp(lambda _, y: rates(y), (0, end), start, "DOP853", rtol=1e-12, atol=1e-13)
    return found.y[:, -1]


@pytest.mark.parametrize("seed", range(30))
def test_expansive_agrees_with_integration(seed: int):
    rng = random.Random(seed)
    n = rng.randint(1, 4)
    c, a, b = ([fraction(rng) for _ in range(n)] for _ in range(3))
    if seed % 5 == 0:
        c[0] = sp.S.Zero
    if not any(c):
        c[-1] = sp.S.One
    alpha, beta = fraction(rng), sp.Rational(rng.randint(3, 20), 10)
    limit = Expansive(c, alpha, beta).limit(a, b)
    if limit.kind != "stable" or limit.rate > -0.05:
        pytest.skip("slow or one-sided approach")
    w, al, be = np.array(c, float), float(alpha), float(beta)

    def rates(y):
        error = al - be * y[:n] @ y[n:]
        return np.concatenate([w * error, y[:n] * error])

    end = integrated(rates, np.array([*a, *b], float), 200 + 40 / -float(limit.rate))
    assert np.array([*limit.n()[0], *limit.n()[1]], float) == pytest.approx(end, abs=1e-9)


def test_expansive_edges():
    # c = 0: least squares over b, or frozen
    assert Expansive((0, 0), 1, 1).limit((0, 0), (5, 7)).kind == "stationary"
    least = Expansive((0, 0), 1, 2).limit((1, 2), (0, 0))
    assert least.weights == ((1, 2), (sp.Rational(1, 10), sp.Rational(1, 5)))
    # c_1 = 0 with a_1(0) = 0
    half = Expansive((0, 1), 1, 1).limit((0, 1), (4, 0))
    assert half.weights[0][0] == 0 and half.weights[1][0] == 4 and half.kind == "stable"
    # α = 0 from rest at the origin, β = 0
    assert Expansive((1,), 0, 1).limit((0,), (0,)).kind == "stable"
    assert Expansive((1,), 0, 1).limit((0,), (0,)).rate == 0
    away = Expansive((1, -1), 1, 0).limit((0, 0), (0, 0))
    assert away.kind == "diverges" and away.weights[0] == (sp.oo, -sp.oo)
    assert Expansive((1,), 0, 0).limit((1,), (2,)).kind == "stationary"
    # N = 1 is the chain: on an unstable root it stays
    unstable = Expansive((1,), 1, 1).limit(("-1/2",), (-2,))
    assert unstable.kind == "unstable" and unstable.rate == sp.Rational(7, 4)
    assert Expansive((1,), 1, 1).limit((-2,), ("1/2",)).kind == "semistable"
    chain = Expansive((1,), 1, 1).limit(("3/10",), ("-6/5",))
    assert float(chain.n()[0][0]) == pytest.approx(1.8844882776018335, abs=1e-14)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Expansive((), 1, 1), "c is empty"),
        (lambda: Expansive(("x!",), 1, 1), "c has 'x!'"),
        (lambda: Expansive((1,), 1, -1), "beta is -1"),
        (lambda: Expansive((1,), 1, 1).limit((1, 2), (1,)), "a0 has 2 entries: give 1"),
        (lambda: Expansive((1,), 1, 1).limit((1,), ("no",)), "b0 has 'no'"),
        (lambda: Expansive((X,), 1, 1).limit((1,), (1,)), "c has x: give a finite number"),
        (lambda: Compressive(()), "C is empty"),
        (lambda: Compressive((1, 2)).limit((1,), (1, 2)), "A0 has 1 entries: give 2"),
        (lambda: ThreeLayer([[1]], [[1]], [[1, 2], [3, 1]]), "sigma_ii is not a symmetric"),
        (lambda: ThreeLayer([[1, 2]], [[1]], [[1]]), "C1 has 2 columns: give 1"),
        (lambda: ThreeLayer([[1], [1, 2]], [[1]], [[1]]), "C1 is not a matrix"),
        (lambda: ThreeLayer([[1]], [[1]], [[0]]).target, "sigma_ii is singular"),
        (lambda: ThreeLayer([[1]], [[1]], [[0]]).bound([[1]], [[1]]), "positive definite"),
        (lambda: ThreeLayer([[1]], [[1]], [[1]]).rates([[1, 2]], [[1]]), "A1 is 1 × 2"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, says: str):
    with pytest.raises(ValueError, match=says):
        call()


# --- [N,1,N]


def test_compressive_golden():
    given, wanted = GOLDEN["N1N_generic"]["inputs"], GOLDEN["N1N_generic"]["expected"]
    net = Compressive(given["C"])
    limit = net.limit(given["A0"], given["B0"])
    A, B = limit.n()
    assert float(limit.beta) == pytest.approx(wanted["beta"], abs=1e-13)
    assert [float(v) for v in A] == pytest.approx(wanted["A_final"], abs=1e-13)
    assert [float(v) for v in B] == pytest.approx(wanted["B_final"], abs=1e-13)
    assert limit.kind == "stable"


def test_compressive_negative_root():
    case = GOLDEN["N1N_dependent_negative_beta"]
    given, wanted = case["inputs"], case["expected"]
    net = Compressive(given["C"])
    roots = real_roots(net.cubic(given["A0"], given["B0"]))
    assert [float(r.exact()) for r in roots] == pytest.approx(wanted["real_roots"], abs=1e-13)
    limit = net.limit(given["A0"], given["B0"])
    assert limit.kind == "saddle"
    assert float(limit.beta) == pytest.approx(wanted["beta_reached"], abs=1e-13)
    # a small step off the line goes to the positive root
    off = net.limit((-3, "1/1000"), given["B0"])
    assert off.kind == "stable" and off.beta > 0


@pytest.mark.parametrize(
    ("start", "b", "kind", "beta"),
    [
        ((-2,), "1/2", "semistable", -1),  # K = −3/2: 1 − f³/2 + 3f/2 = −(f+1)²(f−2)/2
        (("-1/2",), "-11/8", "stable", 2),
        ((-1,), -1, "semistable", -1),
        ((2,), "1/2", "stable", 2),
        ((0,), "-3/2", "stable", 2),
    ],
)
def test_compressive_on_the_line(start, b, kind: str, beta: int):
    limit = Compressive((1,)).limit(start, (b,))
    assert (limit.kind, limit.beta) == (kind, beta)


def test_compressive_without_feedback():
    assert Compressive((0, 0)).limit((1, 2), (3, 4)).weights == (
        (1, 2),
        (sp.Rational(1, 5), sp.Rational(2, 5)),
    )
    assert Compressive((0,)).limit((0,), (3,)).kind == "stationary"


@pytest.mark.parametrize("seed", range(15))
def test_compressive_agrees_with_integration(seed: int):
    rng = random.Random(seed)
    n = rng.randint(2, 4)
    C, A, B = ([fraction(rng) for _ in range(n)] for _ in range(3))
    if seed % 3 == 0:  # on the line, either side
        A = [sp.Rational(-1 if seed % 2 else 2) * c for c in C]
    limit = Compressive(C).limit(A, B)
    c = np.array(C, float)

    def rates(y):
        a, b = y[:n], y[n:]
        return np.concatenate([c - (c @ b) * a, a - (a @ a) * b])

    end = integrated(rates, np.array([*A, *B], float), 150.0)
    found = np.array([*limit.n()[0], *limit.n()[1]], float)
    if limit.kind == "stable":
        assert found == pytest.approx(end, abs=1e-8)


def test_with_one_unit_a_negative_root_is_no_saddle():
    """N = 1: no direction lies off the span of C, so that the negative root attracts."""
    limit = Compressive(C=(1,)).limit(A0=(-3,), B0=("3/2",))
    assert limit.kind == "stable" and float(limit.n()[0][0]) == pytest.approx(-2.2618022452599718)
