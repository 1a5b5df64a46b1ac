"""000: verdicts against the catalogue, golden numbers, and checks fed with wrong statements."""

import json
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy.linalg import block_diag, expm

from neurodyn.theory import TheoryVerdict, check, claims
from neurodyn.theory.fadjoint import euler, fadjoint, relaxed, simultaneous_error
from neurodyn.theory.layers import Layered, hadamard
from neurodyn.theory.statements import fadjoint_claims as adjoint
from neurodyn.theory.statements import fadjoint_flow_claims as flow

GOLDEN = json.loads((Path(__file__).parent / "golden_002_000.json").read_text(encoding="utf-8"))

PROVED = TheoryVerdict.PROVED
WITH_HYPOTHESIS = TheoryVerdict.PROVED_WITH_HYPOTHESIS
CORRECTED = TheoryVerdict.CORRECTED

CATALOGUE = {
    "fadjoint-def32-shape": CORRECTED,
    "fadjoint-def32-bias": CORRECTED,
    "fadjoint-lemma31": PROVED,
    "fadjoint-eq9": PROVED,
    "fadjoint-eq10": CORRECTED,
    "fadjoint-eq11": WITH_HYPOTHESIS,
    "fadjoint-softmax": CORRECTED,
    "fadjoint-alg1": CORRECTED,
    "fadjoint-eq13": CORRECTED,
    "fadjoint-eq14": PROVED,
    "fadjoint-eq16-sequential": PROVED,
    "fadjoint-simultaneous": CORRECTED,
    "fadjoint-euler": WITH_HYPOTHESIS,
    "fadjoint-truncation": CORRECTED,
    "fadjoint-eq19": PROVED,
    "fadjoint-local": CORRECTED,
    "fadjoint-approximate": TheoryVerdict.REFUTED,
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_verdict_is_that_of_the_catalogue(name):
    result = check(claims(name)[0])
    assert result.verdict is CATALOGUE[name]
    assert result.printed.exact


def test_every_claim_is_in_the_catalogue():
    assert {c.id for c in claims("000")} == set(CATALOGUE)


def test_wrong_statements_fail():
    assert not adjoint.lemma31(slope_at=1).holds
    assert not adjoint.algorithm1(1).holds
    assert not flow.together(terms=1).holds  # e^{−t} alone
    assert not flow.together(terms=2).holds
    assert not flow.bracketing(False).holds


def test_a_signal_without_its_slope_is_found(monkeypatch):
    def no_slope(net, sums, top):
        flat = Layered(net.weights, net.biased, slope=lambda _: sp.S.One)
        return fadjoint(flat, sums, top)

    monkeypatch.setattr(adjoint, "fadjoint", no_slope)
    assert check(claims("fadjoint-lemma31")[0]).verdict is TheoryVerdict.REFUTED


def exact(rows) -> sp.Matrix:
    """A matrix of the decimals as printed."""
    return sp.Matrix(rows).applyfunc(lambda v: sp.Rational(str(v)))


def numbers(matrix) -> np.ndarray:
    return np.array(sp.N(matrix, 20).tolist(), dtype=float)


def test_quadratic_net():
    golden = GOLDEN["fadjoint_quadratic"]
    inputs, expected = golden["inputs"], golden["expected"]

    def logistic(s):
        return 1 / (1 + sp.exp(-s))

    weights = tuple(sp.Matrix(inputs[k]).applyfunc(sp.Rational) for k in ("W1", "W2"))
    net = Layered(
        weights, biased=True, sigma=logistic, slope=lambda s: logistic(s) * (1 - logistic(s))
    )
    x, y = (sp.Matrix(inputs[k]).applyfunc(sp.Rational) for k in ("x", "y"))
    sums, activities = net.forward(x)
    output = net.output(x)
    found = fadjoint(net, sums, output - y)
    for value, key in (
        (output, "X2"),
        (found.x[2], "Xstar_2"),
        (found.y[1], "Ystar_2"),
        (found.x[1], "Xstar_1"),
        (found.y[0], "Ystar_1"),
        (found.x[0], "Xstar_0"),
    ):
        np.testing.assert_allclose(numbers(value).ravel(), expected[key], rtol=0, atol=1e-12)
    for layer, key in enumerate(("grad_W1", "grad_W2")):
        update = found.y[layer] * activities[layer].T
        np.testing.assert_allclose(numbers(update), expected[key], rtol=0, atol=1e-12)


def test_bracketing():
    golden = GOLDEN["fadjoint_eq13_bracket"]
    w, x, s = (exact(golden["inputs"][k]) for k in ("W", "Xstar", "sigma_prime"))
    right, wrong = w.T * hadamard(x, s), hadamard(w.T * x, s)
    np.testing.assert_allclose(numbers(right).ravel(), golden["expected"]["correct"], atol=1e-14)
    np.testing.assert_allclose(numbers(wrong).ravel(), golden["expected"]["misparsed"], atol=1e-14)


def test_softmax():
    golden = GOLDEN["fadjoint_softmax"]
    sums, label = exact(golden["inputs"]["S"]), sp.Matrix(golden["inputs"]["y"])
    y = sp.Matrix(sp.symbols("y1:4"))
    at = dict(zip(y, sums, strict=True))
    for elementwise, key in ((False, "correct_dJ_dY"), (True, "elementwise_misuse")):
        found = adjoint.softmax_adjoint(y, label, elementwise=elementwise).subs(at)
        np.testing.assert_allclose(numbers(found).ravel(), golden["expected"][key], atol=1e-12)


def test_layers_that_relax_together():
    golden = GOLDEN["fadjoint_parallel_relaxation"]
    inputs, expected = golden["inputs"], golden["expected"]
    slopes = [exact(s) for s in inputs["sigma_prime"]]
    blocks = [exact(w).T * sp.diag(*s) for w, s in zip(inputs["W"], slopes, strict=True)]
    rest = [exact(inputs["XL_star"])]
    for block in reversed(blocks):
        rest.insert(0, block * rest[0])
    for layer in (1, 2, 3):
        found = numbers(rest[layer - 1]).ravel()
        np.testing.assert_allclose(found, expected[f"Xstar_{layer}"], atol=1e-15)
    start = [exact(x) - r for x, r in zip(inputs["X"], rest[:-1], strict=True)]
    t = sp.Symbol("t")
    errors = [e.subs(t, int(inputs["T"])) for e in simultaneous_error(blocks[:-1], start, t)]
    # and by the exponential of the whole system
    system = -np.eye(9)
    system[:6, 3:] += block_diag(*[numbers(b) for b in blocks[:-1]])
    flowed = expm(inputs["T"] * system) @ np.concatenate([numbers(e).ravel() for e in start])
    for layer, error in enumerate(errors):
        got = numbers(error).ravel()
        np.testing.assert_allclose(got, expected[f"error_at_T_layer{layer + 1}"], atol=1e-15)
        np.testing.assert_allclose(got, flowed[3 * layer : 3 * layer + 3], rtol=1e-9)


def test_euler_steps():
    golden = GOLDEN["fadjoint_euler"]
    start, target = (exact(golden["inputs"][k]) for k in ("X0", "Xstar"))
    h, n = sp.Rational(3, 10), golden["inputs"]["n"]
    found = numbers(euler(start, target, h, n)).ravel()
    np.testing.assert_allclose(found, golden["expected"]["X_n"], atol=1e-12)
    assert float((1 - h) ** n) == pytest.approx(golden["expected"]["factor"], rel=1e-14)
    assert euler(start, target, sp.S.One, 1) == target
    assert euler(start, target, h, 0) == start


def test_relaxed_state():
    t = sp.Symbol("t")
    state = relaxed(sp.Matrix([3]), sp.Matrix([1]), t)
    assert state[0].subs(t, 0) == 3
    assert state[0].subs(t, sp.log(4)) == sp.Rational(3, 2)


def test_bad_input_is_named():
    net = Layered.symbolic(2, 2)
    sums, _ = net.forward(sp.Matrix([1, 2]))
    with pytest.raises(ValueError, match="top must have 2 rows"):
        fadjoint(net, sums, sp.Matrix([1]))
    with pytest.raises(ValueError, match="n must be 0 or more"):
        euler(sp.Matrix([1]), sp.Matrix([0]), sp.S.One, -1)
    with pytest.raises(ValueError, match="one fewer"):
        simultaneous_error([], [1, 2], sp.Symbol("t"))
    with pytest.raises(ValueError, match="two layers or more"):
        Layered.symbolic(2)
