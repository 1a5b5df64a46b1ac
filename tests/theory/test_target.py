"""002: verdicts against the catalogue, golden numbers, and checks fed with wrong statements."""

import json
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq

from neurodyn.theory import TheoryVerdict, check, claims
from neurodyn.theory.statements import target_claims as first
from neurodyn.theory.statements import target_jacobian_claims as jacobian
from neurodyn.theory.statements import target_map_claims as maps
from neurodyn.theory.target import (
    Maps,
    difference_target,
    negative_fraction,
    never_negative,
    symmetric_part,
    word,
)

GOLDEN = json.loads((Path(__file__).parent / "golden_002_000.json").read_text(encoding="utf-8"))

PROVED = TheoryVerdict.PROVED
WITH_HYPOTHESIS = TheoryVerdict.PROVED_WITH_HYPOTHESIS
CORRECTED = TheoryVerdict.CORRECTED

CATALOGUE = {
    "target-eq6-top": PROVED,
    "target-eq8": PROVED,
    "target-eq9": PROVED,
    "target-eq11": PROVED,
    "target-pinv-product": PROVED,
    "target-eq14": PROVED,
    "target-eq15": PROVED,
    "target-eigenvalues": CORRECTED,
    "target-eq17": WITH_HYPOTHESIS,
    "target-trace-weaker": PROVED,
    "target-trace-direction": CORRECTED,
    "target-table1-dtp": WITH_HYPOTHESIS,
    "target-table1-drl": CORRECTED,
    "target-table1-ldrl": PROVED,
    "target-table1-fwdtp": TheoryVerdict.REFUTED,
    "target-eq20": PROVED,
    "target-eq29": WITH_HYPOTHESIS,
    "target-psi-squared": WITH_HYPOTHESIS,
    "target-psi-softmax": WITH_HYPOTHESIS,
    "target-autoencoder": WITH_HYPOTHESIS,
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_verdict_is_that_of_the_catalogue(name):
    result = check(claims(name)[0])
    assert result.verdict is CATALOGUE[name]
    assert result.printed.exact


def test_every_claim_is_in_the_catalogue():
    assert {c.id for c in claims("002")} == set(CATALOGUE)


def test_wrong_statements_fail():
    assert not first.first_order(swap=True).holds  # k decreasing to the right
    assert not first.inverse_product(swap=True).holds
    assert not first.first_order(order=2).holds  # the remainder is of order β², no higher
    assert not first.angle_form(swap=True).holds  # J_g J_f in place of J_f J_g
    assert not jacobian.isotropic_trace(2).holds
    assert not maps.eq29_exact(missing_term=True).holds
    printed_with_outer = maps.eq29() + word(maps._F_MU)
    assert not maps.solves_eq28(printed_with_outer, maps._F_NU, maps._ID)


def test_a_broken_correction_is_found(monkeypatch):
    monkeypatch.setattr(first, "difference_target", lambda g, tau, above, below: g(tau))
    assert check(claims("target-eq9")[0]).verdict is TheoryVerdict.REFUTED
    assert check(claims("target-eq8")[0]).verdict is TheoryVerdict.REFUTED


# Jacobians


def test_eigenvalues_against_the_symmetric_part():
    golden = GOLDEN["psd_vs_eigenvalues"]
    m, v = sp.Matrix(golden["inputs"]["M"]), sp.Matrix(golden["inputs"]["v"])
    expected = golden["expected"]
    assert (v.T * m * v)[0] == expected["vMv"]
    assert m.trace() == expected["trace"]
    assert sorted(symmetric_part(m).eigenvals()) == expected["sym_eigs"]
    assert not never_negative(m)
    assert never_negative(sp.Matrix([[1, 2], [-2, 0]]))  # skew parts do not count


def test_fraction_of_negative_directions():
    golden = GOLDEN["trace_weak_condition"]
    fraction = negative_fraction(sp.diag(*golden["inputs"]["M"]))
    assert fraction == 1 - 2 / sp.pi * sp.atan(sp.sqrt(10))
    assert float(fraction) == pytest.approx(golden["expected"]["prob_negative"], abs=1e-15)
    assert negative_fraction(sp.eye(2)) == 0
    assert negative_fraction(sp.diag(1, 0)) == 0
    assert negative_fraction(-sp.eye(2)) == 1
    assert negative_fraction(sp.diag(2, -2)) == sp.Rational(1, 2)
    angles = (np.arange(100_000) + 0.5) * np.pi / 100_000
    v = np.stack([np.cos(angles), np.sin(angles)])
    m = np.array([[2.0, 5.0], [-1.0, -0.5]])
    counted = np.mean(np.einsum("in,ij,jn->n", v, m, v) < 0)
    exact = negative_fraction(sp.Matrix([[2, 5], [-1, sp.Rational(-1, 2)]]))
    assert float(exact) == pytest.approx(counted, abs=1e-4)


def test_mean_of_the_form():
    golden = GOLDEN["isotropic_quadratic"]
    m = sp.Matrix(golden["inputs"]["M"])
    moment = jacobian.quarter_turn_second_moment(2)
    (c,) = moment.free_symbols
    mean = (m * moment).trace()
    assert float(mean.subs(c, 0.3)) == pytest.approx(golden["expected"]["E_gauss"])
    assert float(mean.subs(c, 0.5)) == pytest.approx(golden["expected"]["E_unit_sphere"])
    assert float(m.trace()) == golden["expected"]["trace"]


def test_mean_cosine_by_quadrature():
    u = (np.arange(20_000) + 0.5) / 20_000
    for a in (1.5, 2.0, 2.6, 10.0):
        cosine = ((a + 1) * u**2 - 1) / np.sqrt(1 + (a**2 - 1) * u**2)
        exact = jacobian.mean_cosine(sp.Rational(str(a)))
        assert float(exact) == pytest.approx(cosine.mean(), abs=1e-8)
    with pytest.raises(ValueError, match="a must be greater than 1"):
        jacobian.mean_cosine(sp.Integer(1))


def test_table_1():
    golden = GOLDEN["table1_dtp_tall"]
    encoder, decoder = (sp.Matrix(golden["inputs"][k]) for k in ("J_f", "J_g"))
    assert decoder * encoder == sp.eye(1)
    assert encoder.pinv() == sp.Matrix(golden["expected"]["J_f_pinv"])
    found = sorted(float(e) for e in symmetric_part(encoder * decoder).eigenvals())
    assert found == pytest.approx(golden["expected"]["JfJg_sym_eigs"])
    assert not never_negative(encoder * decoder)
    drl = GOLDEN["table1_drl"]
    back = sp.Matrix(drl["inputs"]["J_gLm1"])
    assert sorted(back.eigenvals()) == drl["expected"]["JfJg_eigs"]
    assert never_negative(sp.Matrix([[1, 0]]) * back * sp.Matrix([1, 0]))  # on the range of J_gL


# Exact form of the feedback function

T = sp.Symbol("t", real=True)


def affine_maps(inputs: dict) -> list[sp.Expr]:
    """The maps of a golden case as expressions with exact coefficients."""
    texts = [inputs[k] for k in ("f_nu" if "f_nu" in inputs else "f", "g_mu", "psi")]
    tidy = [text.replace("t", "*t") if text[0].isdigit() else text for text in texts]
    return [sp.nsimplify(sp.sympify(text, {"t": T}), rational=True) for text in tidy]


def test_affine_correction():
    golden = GOLDEN["eq29_affine"]
    f, g_mu, psi = affine_maps(golden["inputs"])
    back = maps.affine_eq29(f, g_mu, psi)
    expected = golden["expected"]
    assert back == sp.Rational(2, 27) * T - sp.Rational(31, 108)
    assert float(back.coeff(T, 1)) == pytest.approx(expected["gnu_slope"], rel=1e-14)
    assert float(back.coeff(T, 0)) == pytest.approx(expected["gnu_intercept"], rel=1e-14)
    below = sp.Integer(1)  # h_{l−1}
    above = f.subs(T, below)
    target = back.subs(T, g_mu.subs(T, psi.subs(T, above)))
    assert float(target) == expected["tau_lm1_at_h_1"]
    by_eq8 = difference_target(
        lambda z: sp.Matrix([g_mu.subs(T, z[0])]),
        sp.Matrix([psi.subs(T, above)]),
        sp.Matrix([above]),
        sp.Matrix([below]),
    )
    assert by_eq8[0] == target


def test_outer_map_is_needed():
    golden = GOLDEN["eq29_fmu_not_id"]
    f_nu, g_mu, psi = affine_maps(golden["inputs"])
    bracket = maps.affine_eq29(f_nu, g_mu, psi)
    right = (bracket + 3) / 2  # (f^μ)⁻¹ of f^μ(t) = 2t − 3
    assert float(right.expand().coeff(T, 1)) == pytest.approx(golden["expected"]["slope"])
    assert float(right.expand().coeff(T, 0)) == pytest.approx(golden["expected"]["intercept"])


def test_nonlinear_correction():
    golden = GOLDEN["eq29_nonlinear"]
    beta, y = golden["inputs"]["beta"], golden["inputs"]["y"]

    def g(z):
        return z + z**3

    def g_inverse(z):
        return brentq(lambda v: g(v) - z, -10, 10, xtol=1e-15)

    for h0, expected in zip(golden["inputs"]["h0"], golden["expected"]["tau_lm1"], strict=True):
        z = g((1 - beta) * np.sinh(h0) + beta * y)  # g^μ∘ψ∘f
        shortcut_back = (g_inverse(z) - beta * y) / (1 - beta)  # ψ⁻¹∘(g^μ)⁻¹
        assert z + np.arcsinh(shortcut_back) - g(shortcut_back) == pytest.approx(
            expected, abs=1e-12
        )


def test_shortcut_must_be_a_bijection():
    assert GOLDEN["eq29_psi_not_bijective"]["expected"]["psi_slope"] == 0
    assert check(claims("target-psi-squared")[0]).printed.values["slope"] == "0"
    rng = np.random.default_rng(0)
    for n in (2, 3, 10):
        p = rng.dirichlet(np.ones(n), size=200)
        largest = [np.linalg.eigvalsh(np.diag(q) - np.outer(q, q))[-1] for q in p]
        assert max(largest) <= 0.5 + 1e-12


def test_autoencoder_gap():
    expected = GOLDEN["eq29_autoencoder_gap"]["expected"]
    shown = check(claims("target-autoencoder")[0]).printed.values
    gap = sp.sympify(shown["g∘f − id"], {"t": T})
    assert float(gap.coeff(T, 1)) == pytest.approx(expected["gap_slope"])
    assert float(gap.coeff(T, 0)) == pytest.approx(expected["gap_intercept"])
    assert float(sp.Rational(shown["zero at t"])) == expected["gap_zero_at"]
    assert shown["h = f(t) there, and ψ(h)"] == "1/2, 1/2"


def test_words():
    f, g = maps._F_NU, maps._G_MU
    assert (word(f) - word(f)).terms == {}
    assert word(f).after(f**-1).terms == word(maps._ID).terms
    assert (word(f) + word(g)).after(g).terms == {f * g: 1, g * g: 1}
    assert Maps().after(f).terms == {}


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="m must be square"):
        symmetric_part(sp.Matrix([[1, 2]]))
    with pytest.raises(ValueError, match="m must be 2×2"):
        negative_fraction(sp.eye(3))
    with pytest.raises(ValueError, match="exact real numbers"):
        never_negative(sp.Matrix([[sp.Symbol("a"), 1], [1, sp.Symbol("b")]]))
