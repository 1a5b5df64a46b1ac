"""004 Sec 2–6: verdicts against the catalogue, golden numbers, and checks fed with wrong ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

from neurodyn.theory import TheoryVerdict, check, claims
from neurodyn.theory.channel import (
    adaptive_rates,
    levels,
    logistic_entropy,
    quantize,
    skipped_cost,
    softmax_entropy,
    squared_error,
    staged_cost,
    weight_count,
)
from neurodyn.theory.statements import channel_claims as signals
from neurodyn.theory.statements import channel_cost_claims as cost
from neurodyn.theory.statements import channel_fact_claims as facts

GOLDEN = json.loads((Path(__file__).parent / "golden_002_000.json").read_text(encoding="utf-8"))

PROVED = TheoryVerdict.PROVED
WITH_HYPOTHESIS = TheoryVerdict.PROVED_WITH_HYPOTHESIS
CORRECTED = TheoryVerdict.CORRECTED

CATALOGUE = {
    "channel-eq3": PROVED,
    "channel-eq4": CORRECTED,
    "channel-eq5-squared": CORRECTED,
    "channel-eq5-logistic": CORRECTED,
    "channel-eq5-softmax": CORRECTED,
    "channel-depth3": CORRECTED,
    "channel-same-size": WITH_HYPOTHESIS,
    "channel-rank": PROVED,
    "channel-arbp": PROVED,
    "channel-eq14": CORRECTED,
    "channel-eq15": PROVED,
    "channel-cost-equal": CORRECTED,
    "channel-cost-one-output": CORRECTED,
    "channel-eq18": PROVED,
    "channel-eq19-levels": CORRECTED,
    "channel-eq19-range": PROVED,
    "channel-eq19-zero": WITH_HYPOTHESIS,
    "channel-fact1": PROVED,
    "channel-fact2": PROVED,
    "channel-fact3": WITH_HYPOTHESIS,
    "channel-fact4-formula": CORRECTED,
    "channel-fact4-orthant": PROVED,
    "channel-eq20": PROVED,
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_verdict_is_that_of_the_catalogue(name):
    result = check(claims(name)[0])
    assert result.verdict is CATALOGUE[name]
    assert result.printed.exact


def test_every_claim_is_in_the_catalogue():
    assert {c.id for c in claims("004") if c.id.startswith("channel-")} == set(CATALOGUE)


def test_wrong_statements_fail():
    assert not signals.top_signal(squared_error, 1).holds
    assert not signals.top_signal(softmax_entropy, -1).holds  # targets that need not sum to 1
    assert signals.top_signal(logistic_entropy, -1).holds
    assert not signals.recurrence(1).holds
    assert not signals.adaptive_invariants(sign=1).holds
    assert not cost.channel_cost(staged_cost, True).holds
    assert not cost.channel_cost(weight_count, False).holds
    assert not cost.level_count(lambda bits: 2 * bits + 1).holds
    assert facts.batch_at_rest((0, 0), (1, 2)).holds


def test_a_fact_about_another_rule_fails(monkeypatch):
    def even(top, feedback, slopes):
        return [signal.applyfunc(lambda v: v**2) for signal in true_staged(top, feedback, slopes)]

    true_staged = facts.staged
    monkeypatch.setattr(facts, "staged", even)
    assert check(claims("channel-fact1")[0]).verdict is TheoryVerdict.REFUTED
    assert check(claims("channel-fact2")[0]).verdict is TheoryVerdict.REFUTED


def test_sign_of_the_error():
    golden = GOLDEN["eq5_sign"]
    sums = sp.Matrix(sp.symbols("s1:4"))
    target = sp.Matrix(golden["inputs"]["T"])
    value, output = softmax_entropy(sums, target)
    at = dict(zip(sums, golden["inputs"]["S"], strict=True))
    slope = [float(value.diff(s).subs(at)) for s in sums]
    assert slope == pytest.approx(golden["expected"]["dE_dS"], abs=1e-12)
    signal = [float(v) for v in (target - output).subs(at)]
    assert signal == pytest.approx(golden["expected"]["B"], abs=1e-12)


def test_costs():
    golden = GOLDEN["eq14_15"]
    sizes = golden["inputs"]["sizes"]
    assert weight_count(sizes) == golden["expected"]["W"]
    assert staged_cost(sizes) == golden["expected"]["W_backward_only"]
    assert skipped_cost(sizes) == golden["expected"]["W_prime"]
    assert staged_cost([3, 2]) == skipped_cost([3, 2]) == 0
    with pytest.raises(ValueError, match="two layers or more"):
        weight_count([3])


def test_quantiser():
    golden = GOLDEN["eq19_quantize"]
    inputs, expected = golden["inputs"], golden["expected"]
    found = [float(quantize(x, inputs["alpha"], inputs["bits"])) for x in inputs["x"]]
    assert found == expected["q"]
    for bits, count in expected["levels"].items():
        assert len(levels(int(bits))) == count
    assert levels(2) == {sp.S.One, -sp.S.One, sp.S.Half, -sp.S.Half}


def test_quantiser_agrees_with_the_formula_in_floating_point():
    rng = np.random.default_rng(0)
    for x in rng.normal(size=300) * 10.0 ** rng.uniform(-4, 1, size=300):
        exponent = np.round(np.clip(np.log2(abs(x / 0.3)), -4, 0))
        assert float(quantize(float(x), 0.3, 5)) == pytest.approx(0.3 * np.sign(x) * 2**exponent)


def test_quantiser_at_its_edges():
    alpha = sp.Rational(1, 8)
    assert quantize(0, alpha, 3) == 0
    assert quantize(alpha, alpha, 3) == alpha
    assert quantize("-100", alpha, 3) == -alpha
    assert quantize("1/1000000", alpha, 1) == alpha  # one bit keeps the sign alone
    # half-integer logarithms, −1/2 and −3/2, go to the even neighbour as in numpy: 0 and −2
    assert quantize(alpha / sp.sqrt(2), alpha, 3) == alpha
    assert quantize(alpha / (2 * sp.sqrt(2)), alpha, 3) == alpha / 4
    below = alpha / sp.sqrt(2) - sp.Rational(1, 10**20)
    assert quantize(below, alpha, 3) == alpha / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("abc", 1, 3), "x must be a finite number"),
        (("1/0", 1, 3), "x must be a finite number"),
        ((1, float("inf"), 3), "alpha must be a finite number"),
        ((None, 1, 3), "x must be a finite real number"),
        ((1, "0", 3), "alpha must be positive"),
        ((1, 1, 0), "bits must be 1 or more"),
        ((float("nan"), 1, 3), "x must be a finite number"),
        ((sp.Symbol("x"), 1, 3), "x must be a finite real number"),
        ((sp.I, 1, 3), "x must be a finite real number"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        quantize(*arguments)


def test_adaptive_flow_ends_where_its_invariants_say():
    def rates(_, state):
        return adaptive_rates(*state, 1.0, 1.0)

    run = solve_ivp(rates, (0, 60), [0.3, -1.2, 1.0], method="DOP853", rtol=1e-12, atol=1e-13)
    a1, a2, c1 = run.y[:, -1]
    assert (a1, a2, c1) == pytest.approx(
        (2.4308965016711794, 0.4113708663912857, 2.6113708663912836), abs=1e-8
    )
    assert c1 - a2 == pytest.approx(2.2, abs=1e-9)
    assert a1**2 - c1**2 == pytest.approx(0.3**2 - 1, abs=1e-9)
    assert a1 * a2 == pytest.approx(1, abs=1e-9)
