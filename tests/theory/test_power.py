"""The power chain: end points against integration, edge cases, and the verdict of every claim."""

import json
import pathlib
import random

import pytest
import sympy as sp
from scipy.integrate import quad, solve_ivp

from neurodyn.theory import TheoryVerdict, check
from neurodyn.theory.claim import _REGISTER
from neurodyn.theory.power import PowerChain
from neurodyn.theory.real_root import real_roots
from neurodyn.theory.statements import power_claims, power_variant_claims

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden_004_linear.json").read_text())["cases"]

PROVED = TheoryVerdict.PROVED
ADDED = TheoryVerdict.PROVED_WITH_HYPOTHESIS
CORRECTED = TheoryVerdict.CORRECTED

# what the catalogue of the papers' mathematics says
VERDICTS = {
    "power-eq113": PROVED,
    "power-eq113-fixed-points": CORRECTED,
    "power-eq113-collapse": TheoryVerdict.SUPPORTED,
    "power-eq113-drift": TheoryVerdict.SUPPORTED,
    "power-eq114": PROVED,
    "power-eq115": PROVED,
    "power-eq116": CORRECTED,
    "power-eq118": PROVED,
    "power-rates-increase": CORRECTED,
    "power-better-behaved": ADDED,
    "power-unique-root": PROVED,
    "power-thm12": PROVED,
    "power-thm12-zero-start": ADDED,
    "power-thm12-negative-feedback": ADDED,
    "power-eq119": PROVED,
    "power-eq119-critical": CORRECTED,
    "power-eq119-invariant": PROVED,
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(name: str):
    assert check(_REGISTER[name]).verdict == VERDICTS[name]


def test_every_claim_of_the_module_is_in_the_table():
    assert {i for i in _REGISTER if i.startswith("power-")} == set(VERDICTS)


def test_wrong_gradients_fail(monkeypatch: pytest.MonkeyPatch):
    right = power_variant_claims._descent
    monkeypatch.setattr(power_variant_claims, "_descent", lambda *a: right(*a)[::-1])
    assert not power_variant_claims.gradient().holds
    assert not power_variant_claims.descent_invariant().holds


def test_wrong_rates_fail(monkeypatch: pytest.MonkeyPatch):
    def without_mu(self, a):
        error = self.alpha - self.beta * a[1] * a[0] ** self.mu
        return self.c1 * a[0] ** (self.mu - 1) * error, a[0] ** self.mu * error

    monkeypatch.setattr(PowerChain, "rates", without_mu)
    for wrong in (power_claims.coupling, power_claims.scalar_flow, power_claims.thm12):
        assert not wrong().holds
    assert not power_claims.averages().holds


def test_a_limit_that_ends_well_is_no_counterexample(monkeypatch: pytest.MonkeyPatch):
    well = PowerChain(3, 1, 1, 1).limit(("1/2", "1/4"))
    monkeypatch.setattr(PowerChain, "limit", lambda self, a0: well)
    assert power_claims.from_below().holds
    assert power_claims.negative_feedback().holds


@pytest.mark.parametrize("name", ["nl_mu3", "nl_mu_third", "nl_mu1"])
def test_golden(name: str):
    given, wanted = GOLDEN[name]["inputs"], GOLDEN[name]["expected"]
    chain = PowerChain(given["mu"], given["c1"], given["alpha"], given["beta"])
    limit = chain.limit(tuple(given["a0"]))
    a1, a2 = (float(v) for v in limit.n())
    assert (limit.kind, limit.crossed) == ("stable", False)
    assert a1 == pytest.approx(wanted["a1_final"], abs=1e-13)
    assert a2 == pytest.approx(wanted["a2_final"], abs=1e-13)
    assert float(limit.rate) == pytest.approx(wanted["rate"], rel=1e-12)
    low, high = limit.interval
    assert 0 < high - low < sp.Rational(1, 10**30) and low < sp.N(limit.weights[0], 40) < high


def test_golden_edges():
    rest = PowerChain(3, 1, 1, 1).limit((0, "1/2"))
    assert (rest.kind, rest.weights) == ("stationary", (0, sp.Rational(1, 2)))
    below = PowerChain(3, 1, 1, 1).limit(("-1/2", "1/4"))
    wanted = GOLDEN["nl_mu3_negative_start_stalls"]["expected"]
    assert below.kind == "stalls" and float(below.weights[1]) == pytest.approx(wanted["a2_limit"])
    against = PowerChain(3, -1, 1, 1).limit(("1/2", "1/4"))
    assert (against.kind, against.weights) == ("stalls", (0, sp.Rational(7, 24)))


def test_negative_roots_need_a_negative_start():
    wanted = GOLDEN["nl_mu3_K_minus3_roots"]["expected"]["real_roots"]
    chain = PowerChain(3, 1, 1, 1)
    found = [float(r.exact()) for r in real_roots(chain.error(sp.Integer(-3)))]
    assert found == pytest.approx(wanted, abs=1e-12)

    def at(a1: str):
        return chain.limit((a1, sp.Rational(a1) ** 2 / 6 - 3))

    assert float(at("-5").n()[0]) == pytest.approx(wanted[0])
    assert float(at("-1").n()[0]) == pytest.approx(wanted[0])
    assert at("-1/2").kind == "stalls"  # between the unstable root and zero
    assert float(at("1/100").n()[0]) == pytest.approx(wanted[2])


def test_crossing_zero_with_a_cube_root():
    case = GOLDEN["nl_mu_third_crossing"]["expected"]
    limit = PowerChain("1/3", 1, 1, 1).limit(("-1/2", "1/4"))
    assert limit.crossed and limit.kind == "stable"
    assert float(limit.n()[0]) == pytest.approx(case["continuation_root"], abs=1e-13)
    # the time to zero is ∫ dx / x′ with x = −a1

    def slowness(x: float) -> float:
        a2 = x**2 * 1.5 + case["K"]
        return 3 * x ** (2 / 3) / (1 + a2 * x ** (1 / 3))

    assert quad(slowness, 0, 0.5)[0] == pytest.approx(case["time_to_zero"], abs=1e-7)


@pytest.mark.parametrize(
    ("mu", "c1", "a0", "kind"),
    [
        ("2/3", -1, ("1/10", "1/10"), "breaks off"),  # even numerator: both sides run into zero
        ("1/2", -1, ("1/10", "1/10"), "breaks off"),
        ("3/2", -1, ("1/10", "1/10"), "stalls"),
        (1, -1, ("1/10", 0), "stable"),  # linear: through zero
        (2, 1, ("-1/2", 0), "stable"),  # even power: a mirror image
        (3, 0, (2, 1), "stable"),
        (3, 0, (0, 1), "stationary"),
        (1, 1, (0, 1), "stable"),
        (1, 1, (1, 1), "stable"),  # starts on the fixed point
        (1, 1, ("-1/2", -2), "unstable"),
        (1, 1, (-2, "1/2"), "semistable"),
    ],
)
def test_kinds(mu, c1, a0, kind: str):
    limit = PowerChain(mu, c1, 1, 1).limit(a0)
    assert limit.kind == kind
    if kind == "stable":
        a1, a2 = (complex(v) for v in limit.n())
        power = sp.real_root(sp.Rational(sp.N(limit.weights[0], 30)), 1) ** sp.Rational(mu)
        assert complex(a2 * complex(power)) == pytest.approx(1, abs=1e-9), a1


def test_without_targets_and_without_inputs():
    # α = 0: the error is least at a1 = 0
    assert PowerChain(1, 1, 0, 1).limit((1, "3/2")).rate == -1
    assert PowerChain(3, 1, 0, 1).limit((1, 1)).weights == (0, sp.Rational(5, 6))
    assert PowerChain(3, 1, 0, 1).limit((1, -1)).kind == "stable"
    # β = 0
    assert PowerChain(3, 1, 1, 0).limit((1, 1)).kind == "diverges"
    assert PowerChain(3, 1, 0, 0).limit((1, 1)).kind == "stationary"


def test_a_root_that_is_a_power():
    # μ = 1/2: started at rest at a1 = 2, whose square root is irrational
    chain = PowerChain("1/2", 1, 2, 1)
    assert chain.error(chain.invariant((sp.Integer(4), sp.Integer(1)))).eval(2) == 0
    assert chain.limit((4, 1)).kind == "stable"
    assert chain.limit((4, 1)).weights == (4, 1)
    assert chain.limit((4, 1)).rate < 0


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_integration(seed: int):
    rng = random.Random(seed)
    mu = rng.choice(["1", "3", "2", "1/3", "5/2", "3/5", "1/2"])
    a0 = sp.Rational(rng.randint(2, 15), 10), sp.Rational(rng.randint(-15, 15), 10)
    c1, alpha, beta = (sp.Rational(rng.randint(5, 15), 10) for _ in range(3))
    limit = PowerChain(mu, c1, alpha, beta).limit(a0)
    m, c, al, be = float(sp.Rational(mu)), float(c1), float(alpha), float(beta)

    def rates(_, y):
        error = al - be * y[1] * y[0] ** m
        return [c * m * y[0] ** (m - 1) * error, y[0] ** m * error]

    start = [float(v) for v in a0]
    time = 40 / abs(float(limit.rate)) + 20
    end = solve_ivp(rates, (0, time), start, "LSODA", rtol=1e-11, atol=1e-12).y[:, -1]
    assert [float(v) for v in limit.n()] == pytest.approx(list(end), abs=1e-7)


@pytest.mark.parametrize("seed", range(30))
def test_agrees_with_integration_for_every_sign(seed: int):
    rng = random.Random(seed)
    mu = rng.choice([1, 2, 3, 4])
    a0 = [sp.Rational(rng.choice([-1, 1]) * rng.randint(2, 15), 10) for _ in range(2)]
    c1, alpha = (sp.Rational(rng.choice([-1, 1]) * rng.randint(5, 15), 10) for _ in range(2))
    limit = PowerChain(mu, c1, alpha, 1).limit(a0)
    c, al = float(c1), float(alpha)

    def rates(_, y):
        error = al - y[1] * y[0] ** mu
        return [c * mu * y[0] ** (mu - 1) * error, y[0] ** mu * error]

    stalls = limit.kind == "stalls"
    time = 3000.0 if stalls else 60 / abs(float(limit.rate)) + 50
    end = solve_ivp(rates, (0, time), [float(v) for v in a0], "LSODA", rtol=1e-11, atol=1e-13)
    wanted = pytest.approx(list(end.y[:, -1]), abs=0.02 if stalls else 1e-7)
    assert [float(v) for v in limit.n()] == wanted


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: PowerChain(3, 1, 1, 1).limit((1,)), "a0 has 1 entries: give two"),
        (lambda: PowerChain(0, 1, 1, 1), "mu is 0: give a power above zero"),
        (lambda: PowerChain(-1, 1, 1, 1), "mu is -1"),
        (lambda: PowerChain("two", 1, 1, 1), "mu has 'two'"),
        (lambda: PowerChain(3, 1, 1, -2), "beta is -2"),
        (lambda: PowerChain("1/2", 1, 1, 1).limit((-1, 0)), "its power is not real"),
        (lambda: PowerChain("1/3", 1, 1, 1).limit((0, 0)), "no rate exists"),
        (lambda: PowerChain(3, sp.Symbol("c"), 1, 1).limit((1, 0)), "c1 has c"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, says: str):
    with pytest.raises(ValueError, match=says):
        call()
