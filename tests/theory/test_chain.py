"""Chains: certified end points against integration, golden numbers, edge cases, and the claims."""

import dataclasses
import importlib
import json
import math
import pathlib
import time

import numpy as np
import pytest
import scipy.integrate
import sympy as sp

from neurodyn.theory import Evidence, TheoryVerdict, check, claims
from neurodyn.theory.chain import A1, TAU, Chain

polynomial_claims = importlib.import_module("neurodyn.theory.statements.polynomial_claims")
chain_claims = importlib.import_module("neurodyn.theory.statements.chain_claims")
chain3_claims = importlib.import_module("neurodyn.theory.statements.chain3_claims")
basin_claims = importlib.import_module("neurodyn.theory.statements.chain_basin_claims")
depth = importlib.import_module("neurodyn.theory.statements.chain_depth_claims")

GOLDEN = {
    case["id"]: case
    for case in json.loads(
        pathlib.Path(__file__).with_name("golden_004_chain.json").read_text("utf-8")
    )
}
ENDS = [
    name
    for name, case in GOLDEN.items()
    if "a_final" in case["expected"] and "a0" in case["inputs"] and "c" in case["inputs"]
]
OURS = {"chain_claims", "chain_basin_claims", "chain3_claims", "chain_depth_claims"}
PROVED = [
    "chain2-dP", "chain2-gradient", "chain2-beta-zero", "chain2-c-zero", "chain2-reflections",
    "chain2-fixed-points", "chain2-parabola", "chain2-congruent", "chain2-orbit", "chain2-cubic",
    "chain2-upper-half", "chain2-double-root", "chain2-linear", "chain2-limit", "chain2-basin",
    "chain2-clock", "chain3-dP", "chain3-Q", "chain3-limit", "chain3-stability", "chain-dP",
    "chain-fixed-points", "chain-couplings", "chain-degree", "chain-leading", "chain-limit",
    "chain-random-top", "chain-sign-changes", "chain-gradient", "chain-gradient-couplings",
]  # fmt: skip
CORRECTED = [
    "chain2-error", "chain2-quadrant", "chain2-unstable", "chain2-dP-once", "chain3-average",
    "chain3-leading", "chain3-c2-zero", "chain-S", "chain-derivatives", "chain-kappa",
]  # fmt: skip
WITH_HYPOTHESIS = ["chain2-attractors", "chain3-c2-zero-limit", "chain-even"]
VERDICTS = (
    dict.fromkeys(PROVED, "proved")
    | dict.fromkeys(CORRECTED, "corrected")
    | dict.fromkeys(WITH_HYPOTHESIS, "proved with added hypothesis")
)


def golden_chain(name):
    given = GOLDEN[name]["inputs"]
    chain = Chain(tuple(given["c"]), given["alpha"], given["beta"])
    return chain, tuple(given["a0"]), GOLDEN[name]["expected"]


def rates(a, c, alpha, beta):
    """Eq 45, written down once more, in floating point."""
    heads = np.concatenate([[1.0], np.cumprod(a[:-1])])
    return np.append(c, 1.0) * heads * (alpha - beta * np.prod(a))


def integrated(c, alpha, beta, a0, rate):
    """The end of the weights' own flow, stopped where the rest of the way is below 1e-11."""

    def rest(t, a):
        return np.max(np.abs(rates(a, c, alpha, beta))) / abs(rate) - 1e-11

    rest.terminal = True
    a0 = np.array(a0, float)
    if rest(0.0, a0) < 0:
        return a0
    found = scipy.integrate.solve_ivp(
        lambda t, a: rates(a, c, alpha, beta), (0.0, 1e7), a0,
        method="DOP853", rtol=1e-12, atol=1e-13, events=rest,
    )  # fmt: skip
    assert found.status == 1, "the flow did not settle"
    return found.y[:, -1]


@pytest.mark.parametrize("name", VERDICTS)
def test_claims_get_the_verdict_of_the_catalogue(name):
    (claim,) = claims(name)
    assert check(claim).verdict == VERDICTS[name]


def test_every_claim_is_in_the_table():
    ours = {claim.id for claim in claims("004") if claim.printed.__module__.split(".")[-1] in OURS}
    assert ours == set(VERDICTS)


@pytest.mark.parametrize("name", [*CORRECTED, *WITH_HYPOTHESIS])
def test_the_printed_form_in_place_of_the_correction_breaks_the_claim(name):
    (claim,) = claims(name)
    assert check(dataclasses.replace(claim, corrected=claim.printed)).verdict == "check failed"
    assert check(dataclasses.replace(claim, corrected=None)).verdict is TheoryVerdict.REFUTED


def test_mutations_are_noticed(monkeypatch):
    assert not chain3_claims.leading_term_3(-2).holds
    assert not chain_claims.error_form(1).holds

    honest = Chain.rates
    for wrong in (
        lambda self, a: tuple(-r for r in honest(self, a)),  # learning uphill
        lambda self, a: (2 * honest(self, a)[0], *honest(self, a)[1:]),
    ):
        monkeypatch.setattr(Chain, "rates", wrong)
        for trial in (chain_claims.product_rate, chain_claims.linearisation, depth.couplings):
            uphill = wrong(Chain((1,), 1, 1), (1, 0))[0] == -1
            # the couplings do not see the common sign
            assert not trial().holds or (uphill and trial is depth.couplings)


def test_a_wrong_basin_is_noticed(monkeypatch):
    monkeypatch.setattr(basin_claims, "in_left_basin", lambda first, second: first < 0)
    found = basin_claims.basin()
    assert isinstance(found, Evidence) and not found.holds


@pytest.mark.parametrize("name", ENDS)
def test_golden_ends(name):
    chain, start, expected = golden_chain(name)
    limit = chain.limit(start)
    assert [float(v) for v in limit.n(15)] == pytest.approx(expected["a_final"], rel=1e-13)
    assert [float(sp.N(w, 20)) for w in limit.weights] == pytest.approx(expected["a_final"])
    if "tau_star" in expected:
        assert float(sp.N(limit.tau, 20)) == pytest.approx(expected["tau_star"], rel=1e-13)
    if "stability_exponent" in expected:
        assert float(limit.rate) == pytest.approx(expected["stability_exponent"], rel=1e-12)
        assert float(limit.rate_n()) == pytest.approx(expected["stability_exponent"], rel=1e-12)
    if "Q_coeffs_exact" in expected:
        q = chain.polynomial(start)
        assert [str(k) for k in q.all_coeffs()] == expected["Q_coeffs_exact"]
        assert (q.degree(), str(q.LC())) == (expected["Q_degree"], expected["Q_leading_exact"])
        assert chain.leading_coefficient() == q.LC()
        assert [str(k) for k in chain.invariants(start)] == expected["invariants_exact"]
        # Q(a_1) = c_1 F(τ) with a_1 = a_1(0) + c_1 τ
        moved = q.as_expr().subs(A1, chain.paths(start)[0].as_expr())
        assert sp.expand(moved - chain.c[0] * chain.clock(start).as_expr()) == 0


def test_golden_time_law():
    chain, start, expected = golden_chain("chain2_time_to_1e-6")
    assert float(chain.time_to(start, "1e-6")) == pytest.approx(expected["time"], rel=1e-12)


def test_golden_sign_changes_and_divergence():
    chain, start, expected = golden_chain("chain2_dPdt_two_sign_changes")
    assert chain.sign_changes(start) == expected["sign_changes"]
    chain, start, _ = golden_chain("chain3_trivial_c2_0_a2_0")
    limit = chain.limit(start)
    assert (limit.kind, limit.weights) == ("diverges", (sp.oo, 0, 3))
    assert limit.interval is None and limit.rate is None and limit.blowup_time == sp.oo
    with pytest.raises(ValueError, match="diverges"):
        chain.time_to(start, "1/10")


def test_golden_basin_area():
    area = check(claims("chain2-basin")[0]).printed.values["area in [−2, 2]²"]
    expected = GOLDEN["chain2_basin_left_area"]["expected"]["area_left"]
    assert float(sp.sympify(area)) == pytest.approx(expected)


def test_triple_root_decays_algebraically():
    chain, start, expected = golden_chain("chain2_alpha0_triple_root")
    limit = chain.limit(start)
    assert (limit.kind, limit.tau, limit.rate) == ("stable", sp.Rational(-1, 2), 0)
    # a_1 = 1/√(4 + t) is within ε of zero at t = 1/ε² − 4, exactly
    assert chain.time_to(start, "1/10") == 96
    assert expected["a1_at_t200"] == pytest.approx(1 / math.sqrt(204))


def test_tangent_root():
    chain = Chain((1,), 1, 1)
    left = chain.limit((-2, "1/2"))
    assert (left.kind, left.weights, left.rate) == ("semistable", (-1, -1), 0)
    assert chain.limit((-1, -1)).kind == "semistable"
    assert chain.limit(("-1/2", "-11/8")).weights == (2, sp.Rational(1, 2))
    # a_1(t) of the catalogue: −1.0006651843423866 at t = 1000
    gap = sp.Rational(1) - sp.Rational("1.0006651843423866")
    assert float(chain.time_to((-2, "1/2"), -gap)) == pytest.approx(1000, rel=1e-9)


def test_unstable_start_stays_and_its_neighbours_leave():
    chain = Chain((1,), 1, 1)
    expected = GOLDEN["chain2_start_on_unstable"]["expected"]
    limit = chain.limit(("-1/2", -2))
    assert (limit.kind, limit.weights) == ("unstable", (sp.Rational(-1, 2), -2))
    assert limit.rate == sp.Rational(expected["growth_rate"])
    tiny = sp.Rational(1, 10**12)
    for sign, key in ((1, "plus_eps_goes_to"), (-1, "minus_eps_goes_to")):
        end = chain.limit((sp.Rational(-1, 2) + sign * tiny, -2)).n()[0]
        assert float(end) == pytest.approx(expected[key], rel=1e-10)


def test_starts_that_cannot_move_are_stationary():
    for chain, start in (
        (Chain((0,), 1, 1), (0, 3)),  # c_1 = a_1 = 0: not at a minimum, yet at rest
        (Chain((1, 2), 0, 0), (1, 2, 3)),  # β = 0 forces α = 0
        (Chain((0, 0, 0), 1, 2), (0, 5, 0, 1)),
    ):
        limit = chain.limit(start)
        assert (limit.kind, limit.tau, limit.rate) == ("stationary", 0, 0)
        assert limit.weights == start and limit.interval == (0, 0)
        assert limit.blowup_time is None and chain.sign_changes(start) == 0
        assert chain.time_to(start, 1) == 0


def test_negative_top_weight_blows_up_in_finite_time():
    limit = Chain((1,), 1, 1, top=-1).limit((3, 0))
    assert limit.kind == "diverges" and 0 < float(limit.blowup_time) < 0.5

    def far(t, a):
        return abs(a[0]) - 1e4

    far.terminal = True

    def field(t, a):
        return np.array([1.0, -a[0]]) * (1 - a[0] * a[1])

    found = scipy.integrate.solve_ivp(
        field, (0, 1), [3.0, 0.0], events=far, rtol=1e-10, atol=1e-10, method="DOP853"
    )
    assert found.t[-1] == pytest.approx(float(limit.blowup_time), abs=1e-7)


def test_random_chains_agree_with_integration():
    rng = np.random.default_rng(20261120)
    wrong = []
    for trial in range(300):
        size = 2 + trial % 4
        c = np.round(rng.uniform(-2, 2, size - 1), 2) * (rng.random(size - 1) > 0.15)
        a0 = np.round(rng.uniform(-1.8, 1.8, size), 2) * (rng.random(size) > 0.08)
        alpha, beta = np.round(rng.uniform(-2, 2), 2), np.round(rng.uniform(0.3, 2), 2)
        limit = Chain(c.tolist(), float(alpha), float(beta)).limit(a0.tolist())
        if limit.kind == "stationary":
            end = a0
            assert not np.any(rates(a0, c, alpha, beta))
        elif limit.kind == "diverges":
            # only where the product stays zero: the unbounded weight runs away for good
            path = a0 + 1e3 * rates(a0, c, alpha, beta)
            assert limit.end.poly.degree() < 1 and np.prod(path) == 0
            continue
        else:
            assert limit.kind in ("stable", "unstable")
            end = integrated(c, alpha, beta, a0, float(limit.rate_n()))
        gap = np.max(np.abs(end - [float(v) for v in limit.n(15)]))
        if not gap <= 1e-9:
            wrong.append((trial, c, a0, alpha, beta, gap))
    assert not wrong


@pytest.mark.parametrize("size", range(2, 8))
def test_certificates_are_narrow_and_fast(size):
    rng = np.random.default_rng(size)
    c, a0 = rng.uniform(-2, 2, size - 1).round(2), rng.uniform(-2, 2, size).round(2)
    chain = Chain([str(v) for v in c], 1, 1)
    start = time.process_time()
    limit = chain.limit([str(v) for v in a0])
    low, high = limit.interval
    seconds = time.process_time() - start
    assert seconds < 1 and limit.kind == "stable" and 0 <= high - low < sp.Rational(1, 10**30)
    clock = chain.clock([str(v) for v in a0])
    assert clock.degree() == 2**size - 1
    assert clock.eval(low) * clock.eval(high) < 0
    bounds, digits = limit.weight_intervals, limit.n(15)
    for (below, above), value in zip(bounds, digits, strict=True):
        assert above - below < sp.Rational(1, 10**30)
        assert abs(value - below) <= 1e-14 * max(1, abs(value))


def test_sign_changes_agree_with_sampling():
    rng = np.random.default_rng(5)
    for _ in range(30):
        c, a0 = rng.integers(-8, 9, 2) / 4, rng.integers(-12, 13, 3) / 4
        chain = Chain(c.tolist(), 1, 1)
        limit = chain.limit(a0.tolist())
        if limit.end.direction == 0 or limit.kind in ("diverges", "stationary"):
            continue
        slope = sp.lambdify(TAU, chain.product(a0.tolist()).diff().as_expr())
        signs = np.sign([slope(s) for s in np.linspace(0, float(limit.tau), 20001)[1:-1]])
        signs = signs[signs != 0]
        assert chain.sign_changes(a0.tolist()) == np.sum(signs[1:] != signs[:-1])


def test_symbols_where_only_algebra_is_asked():
    c1, c2, a, b, d = sp.symbols("c1 c2 a b d")
    chain = Chain((c1, c2), 1, 1)
    assert chain.rates((a, b, d))[1] == c2 * a * (1 - a * b * d)
    assert chain.invariants((a, b, d))[0] == b - c2 * a**2 / (2 * c1)
    assert sp.simplify(chain.polynomial((a, b, d)).LC() + c2**2 / (16 * c1**2)) == 0
    with pytest.raises(ValueError, match="c_1"):
        chain.clock((1, 2, 3))
    with pytest.raises(ValueError, match="a_3"):
        Chain((1, 1), 1, 1).limit((1, 2, d))


def test_frozen_weights_are_their_own_invariants():
    assert Chain((0, 2), 1, 1).invariants((5, 6, 7)) == (5, 7 - sp.Rational(36, 4))
    with pytest.raises(ValueError, match="clock"):
        Chain((0, 2), 1, 1).polynomial((5, 6, 7))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((("one",), 1, 1), r"c\[0\]"), (("12", 1, 1), "c = '12'"), (((1,), 1, -1), "beta"),
     (((1,), float("nan"), 1), "alpha"), (((None,), 1, 1), r"c\[0\]")],
)  # fmt: skip
def test_bad_chains_are_refused_in_one_sentence(arguments, named):
    with pytest.raises((ValueError, TypeError), match=named):
        Chain(*arguments)


def test_bad_starts_are_refused_in_one_sentence():
    chain = Chain((1,), 1, 1)
    for start in ((1,), (1, 2, 3)):
        with pytest.raises(ValueError, match="L = len"):
            chain.limit(start)
    with pytest.raises(ValueError, match=r"a\[1\]"):
        chain.limit((1, "x"))
    with pytest.raises(ValueError, match="epsilon"):
        chain.time_to((1, 2), -1)
