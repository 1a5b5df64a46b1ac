"""The network [N0,N1,N2]: end points, invariants and fibres against high-accuracy integration."""

import json
import pathlib

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

from neurodyn.theory.real_root import real_roots
from neurodyn.theory.statements import discreteness_claims
from neurodyn.theory.three_layer import ThreeLayer

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden_004_linear.json").read_text())["cases"]
X = sp.Symbol("x")


def three(name: str) -> tuple[ThreeLayer, np.ndarray, np.ndarray, dict]:
    given = GOLDEN[name]["inputs"]
    net = ThreeLayer(given["C1"], given["Sigma_TI"], given["Sigma_II"])
    return net, np.array(given["A1"]), np.array(given["A2"]), GOLDEN[name]["expected"]


def followed(net: ThreeLayer, lower: np.ndarray, upper: np.ndarray, end: float, points: int = 2):
    C, M, S = (np.array(m.tolist(), float) for m in (net.C1, net.sigma_ti, net.sigma_ii))

    def rates(_, y):
        a, b = y[: lower.size].reshape(lower.shape), y[lower.size :].reshape(upper.shape)
        error = M - b @ a @ S
        return np.concatenate([(C @ error).ravel(), (error @ a.T).ravel()])

    start, times = np.concatenate([lower.ravel(), upper.ravel()]), np.linspace(0, end, points)
    path = solve_ivp(rates, (0, end), start, "DOP853", times, rtol=1e-12, atol=1e-13).y.T
    return [
        (y[: lower.size].reshape(lower.shape), y[lower.size :].reshape(upper.shape)) for y in path
    ]


def decimal(matrix) -> np.ndarray:
    return np.array(matrix.tolist(), float)


def test_three_layer_golden():
    net, lower, upper, wanted = three("three_222")
    assert decimal(net.target) == pytest.approx(np.array(wanted["target"]), abs=1e-12)
    assert decimal(net.invariant(lower.tolist(), upper.tolist())) == pytest.approx(
        np.array(wanted["K"]), abs=1e-12
    )
    end = [m.tolist() for m in followed(net, lower, upper, 150)[-1]]
    assert np.array(end[0]) == pytest.approx(np.array(wanted["A1_final"]), abs=1e-8)
    assert np.array(end[1]) == pytest.approx(np.array(wanted["A2_final"]), abs=1e-8)
    assert decimal(net.lyapunov(*end)) == pytest.approx(np.array(wanted["V_limit"]), abs=1e-7)
    assert decimal(net.rates(*end)[0]) == pytest.approx(np.zeros((2, 2)), abs=1e-8)


def test_along_a_path_the_invariant_stays_and_lyapunov_falls():
    net, lower, upper, _ = three("three_222")
    bound = net.bound(lower.tolist(), upper.tolist())
    first, last = net.invariant(lower.tolist(), upper.tolist()), None
    for a, b in followed(net, lower, upper, 6, points=7):
        here = (a.tolist(), b.tolist())
        assert decimal(net.invariant(*here)) == pytest.approx(decimal(first), abs=1e-9)
        assert np.linalg.norm(a) <= bound
        assert np.linalg.eigvalsh(decimal(net.lyapunov_rate(*here))).max() <= 1e-12
        value = decimal(net.lyapunov(*here))
        if last is not None:
            assert np.linalg.eigvalsh(value - last).max() <= 1e-9
        last = value


def test_full_row_rank_is_not_enough():
    net, lower, upper, wanted = three("three_212_partial_only")
    a, b = followed(net, lower, upper, 120)[-1]
    assert b @ a == pytest.approx(np.array(wanted["A2A1"]), abs=1e-8)
    assert decimal(net.C1) @ b @ a == pytest.approx(decimal(net.C1 * net.target), abs=1e-8)
    assert np.abs(b @ a - decimal(net.target)).max() > 0.5


def test_scalar_fibre_golden():
    given, wanted = GOLDEN["thm10_scalar_fiber"]["inputs"], GOLDEN["thm10_scalar_fiber"]["expected"]
    k, left = sp.Rational(given["K"]), sp.Rational(given["L"])
    roots = real_roots(sp.Poly(X**3 + k * X**2 - left * X - 1, X))
    spelled = [float(r.exact()) for r in reversed(roots) for _ in range(r.multiplicity)]
    assert spelled == pytest.approx(wanted["cubic_roots_D"])
    second = roots[0].exact()
    q2 = second - ((left + 1 / second) / 2) ** 2
    assert float(q2) == pytest.approx(wanted["q2_second_branch"])


def test_two_by_two_golden():
    given, wanted = GOLDEN["sys111_a"]["inputs"], GOLDEN["sys111_a"]["expected"]
    net = ThreeLayer([[1, 0], [0, 1]], [[1, 0], [0, 1]], [[1, 0], [0, 1]])
    a, b = followed(net, np.array(given["A0"]), np.array(given["B0"]), 120)[-1]
    assert a == pytest.approx(np.array(wanted["A_final"]), abs=1e-8)
    assert b == pytest.approx(np.array(wanted["B_final"]), abs=1e-8)
    k, left = (
        decimal(m) for m in discreteness_claims.kl(sp.Matrix(a.tolist()), sp.Matrix(b.tolist()))
    )
    assert k == pytest.approx(np.array(wanted["K"]), abs=1e-8)
    # at rest −V is the L of Eq 112
    assert left == pytest.approx(np.array(wanted["L"]), abs=1e-8)
