"""Scalar polynomial flows: end points, kinds, blow-up times, time laws, and the claims on them."""

import dataclasses
import importlib
import json
import pathlib

import numpy as np
import pytest
import scipy.integrate
import sympy as sp

from neurodyn.theory import TheoryVerdict, check, claims
from neurodyn.theory.polynomial import PolynomialFlow

polynomial_claims = importlib.import_module("neurodyn.theory.statements.polynomial_claims")

X = sp.Symbol("x")
GOLDEN = {
    case["id"]: case
    for case in json.loads(
        pathlib.Path(__file__).with_name("golden_004_chain.json").read_text("utf-8")
    )
}
VERDICTS = {
    "thm1-power": "proved",
    "thm1-root": "proved",
    "thm1-between": "proved",
    "thm1-below": "proved",
    "thm1-above": "corrected",
    "thm1-roots-exist": "corrected",
    "thm1-criterion": "proved",
}


@pytest.mark.parametrize("name", VERDICTS)
def test_claims_get_the_verdict_of_the_catalogue(name):
    (claim,) = claims(name)
    assert check(claim).verdict == VERDICTS[name]


def test_every_claim_is_in_the_table():
    assert {c.id for c in claims() if c.id.startswith("thm1-")} == set(VERDICTS)


def test_a_wrong_correction_breaks_the_claim():
    (claim,) = claims("thm1-above")
    mutant = dataclasses.replace(claim, corrected=claim.printed)
    assert check(mutant).verdict is TheoryVerdict.BROKEN


@pytest.mark.parametrize(
    "name", ["thm1_blowup_quadratic", "thm1_noreal_roots", "thm1_cubic_blowup"]
)
def test_golden_blowup_times(name):
    case = GOLDEN[name]
    poly = sp.sympify(case["inputs"]["Q"].replace("^", "**"))
    limit = PolynomialFlow(poly).limit(case["inputs"]["x0"])
    assert limit.kind == "diverges" and limit.point == sp.oo and limit.interval is None
    assert float(limit.blowup_time) == pytest.approx(case["expected"]["blowup_time"], rel=1e-14)


def test_double_root_attracts_from_one_side():
    flow = PolynomialFlow(-((X - 1) ** 2) * (X + 2))
    case = GOLDEN["thm1_double_root"]
    limits = [flow.limit(start) for start in case["inputs"]["starts"]]
    assert [int(limit.point) for limit in limits] == case["expected"]["limits"]
    assert [limit.kind for limit in limits] == ["semistable", "semistable", "stable", "stable"]
    assert [limit.rate for limit in limits] == [0, 0, -9, -9]


@pytest.mark.parametrize(
    ("poly", "kind"),
    [(-X, "stable"), (X, "unstable"), (X**2, "semistable"), (-(X**3), "stable"), (X**3, "unstable"),
     (-(X**4), "semistable"), (sp.Poly(0, X), "stationary")],
)  # fmt: skip
def test_kinds_of_a_start_on_a_root(poly, kind):
    limit = PolynomialFlow(sp.Poly(poly, X)).limit(0)
    assert (limit.kind, limit.point, limit.interval, limit.blowup_time) == (kind, 0, (0, 0), None)


def test_degree_below_two_never_blows_up_in_finite_time():
    for poly in (sp.Poly(3, X), sp.Poly(X - 1, X)):
        limit = PolynomialFlow(poly).limit(2)
        assert (limit.kind, limit.point, limit.blowup_time) == ("diverges", sp.oo, sp.oo)
    assert PolynomialFlow(sp.Poly(-3, X)).limit(2).point == -sp.oo


def test_irrational_end_points_are_enclosed_and_exact():
    limit = PolynomialFlow(X - X**3 / 2).limit("1/10")
    low, high = limit.interval
    assert 0 < high - low < sp.Rational(1, 10**30)
    assert low**2 < 2 < high**2
    assert limit.point**2 - 2 == 0 or abs((limit.point**2 - 2).n(60)) < 1e-50
    assert float(limit.n(15)) == pytest.approx(2**0.5, rel=1e-15)
    assert float(limit.rate) == pytest.approx(-2, rel=1e-14)


def test_starts_inside_the_enclosures_of_neighbouring_roots():
    flow = PolynomialFlow((X - sp.Rational(1, 3)) * (X - sp.Rational(1, 2)) * (2 - X))
    ends = [flow.limit(start).point for start in ("333/1000", "334/1000", "0.4999", "0.5001", 10)]
    assert ends == [sp.Rational(1, 3)] * 3 + [2, 2]
    assert flow.limit("1/2").kind == "unstable"


def travel(poly, start, end):
    rate = sp.lambdify(X, poly)
    found, _ = scipy.integrate.quad(lambda x: 1 / rate(x), float(start), float(end), epsabs=1e-12)
    return found


@pytest.mark.parametrize(
    ("poly", "start"),
    [(-((X - 1) ** 2) * (X + 2), 3), (2 - X**2, 0), (-(X**3) + X + 1, -3), (1 - X**5 - X, 2),
     (-((X**2 + 1) ** 2) * (X - 1), -1), (-((X**2 - 2) ** 2), 3)],
)  # fmt: skip
def test_time_law_equals_quadrature(poly, start):
    flow = PolynomialFlow(poly)
    time = flow.time_to(start, "1/100")
    end = float(flow.limit(start).n()) - 0.01 * int(flow.limit(start).direction)
    assert float(time) == pytest.approx(travel(poly, start, end), rel=1e-9)


def test_time_law_keeps_its_digits_at_tiny_distances():
    flow = PolynomialFlow(1 + X - X**3)
    rate = float(flow.limit(0).rate)
    gap = float((flow.time_to(0, "1e-25") - flow.time_to(0, "1e-20")).n(20))
    assert gap == pytest.approx(np.log(1e5) / -rate, rel=1e-12)


def test_time_is_zero_within_epsilon():
    flow = PolynomialFlow(2 - X**2)
    assert flow.time_to(1, "1/2") == 0 and flow.time_to(1, "2/5") != 0
    assert PolynomialFlow(1 - X).time_to(0, 1) == 0


def test_bad_input_is_refused_in_one_sentence():
    flow = PolynomialFlow(1 - X)
    for start in ("abc", float("nan"), sp.Symbol("y"), float("inf"), "1/0", None):
        with pytest.raises((ValueError, TypeError), match="x0"):
            flow.limit(start)
    with pytest.raises(ValueError, match="epsilon"):
        flow.time_to(0, 0)
    with pytest.raises(ValueError, match="diverges"):
        PolynomialFlow(1 + X**2).time_to(0, 1)
    for poly in (X * sp.Symbol("y"), sp.Integer(3), sp.sqrt(2) * X):
        with pytest.raises(ValueError, match="poly"):
            PolynomialFlow(poly)
