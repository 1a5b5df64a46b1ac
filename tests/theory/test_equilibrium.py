"""The claims of paper 003: their verdicts, the golden numbers, and checks that can fail."""

import json
import pathlib

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.optimize
import sympy as sp

from neurodyn.theory import TheoryVerdict, check
from neurodyn.theory import equilibrium as eq
from neurodyn.theory.statements import equilibrium_adjoint_claims as adjoint
from neurodyn.theory.statements import equilibrium_descent_claims as descent
from neurodyn.theory.statements import equilibrium_gradient_claims as gradient
from neurodyn.theory.statements import equilibrium_nudge_claims as nudge
from neurodyn.theory.statements import equilibrium_practice_claims as practice
from neurodyn.theory.statements import equilibrium_stability_claims as stability

GOLDEN = json.loads(pathlib.Path(__file__).with_name("golden_003.json").read_text("utf-8"))
MODULES = (gradient, descent, stability, nudge, adjoint, practice)
CLAIMS = {claim.id: claim for module in MODULES for claim in module.CLAIMS}

PROVED = TheoryVerdict.PROVED
HYPOTHESIS = TheoryVerdict.PROVED_WITH_HYPOTHESIS
CORRECTED = TheoryVerdict.CORRECTED
REFUTED = TheoryVerdict.REFUTED

# the catalogue: what every statement of the paper is known to be
VERDICTS = {
    "vfep-stdp-form": PROVED,
    "vfep-lemma2": HYPOTHESIS,
    "vfep-gradient": PROVED,
    "vfep-proxy": PROVED,
    "vfep-energy-exact": PROVED,
    "vfep-output-weights": PROVED,
    "vfep-symmetric-weights": CORRECTED,
    "vfep-metric-gradient": PROVED,
    "vfep-metric-adjoint": PROVED,
    "vfep-symmetry-degree": CORRECTED,
    "vfep-good-parameter": REFUTED,
    "vfep-two-unit-dot": PROVED,
    "vfep-two-unit-alignment": PROVED,
    "vfep-trace-alignment": REFUTED,
    "vfep-antialigned-descent": PROVED,
    "vfep-state-minimum": CORRECTED,
    "vfep-weight-minimum": CORRECTED,
    "vfep-external-force": PROVED,
    "vfep-influence-sign": CORRECTED,
    "vfep-prop4": PROVED,
    "vfep-prop4-linear-stability": REFUTED,
    "vfep-prop5": PROVED,
    "vfep-prop5-linear-stability": REFUTED,
    "vfep-prop5-layered": REFUTED,
    "vfep-prop5-two-units": PROVED,
    "vfep-nudge-exists": REFUTED,
    "vfep-lower-cost": HYPOTHESIS,
    "vfep-bias-one-sided": PROVED,
    "vfep-bias-symmetric": PROVED,
    "vfep-exact-nudge": PROVED,
    "vfep-exact-nudge-stable": PROVED,
    "vfep-exact-nudge-cost": PROVED,
    "vfep-exact-nudge-bias": PROVED,
    "vfep-thm6-invariance": PROVED,
    "vfep-thm6-state": PROVED,
    "vfep-thm6-parameter": PROVED,
    "vfep-eq52": CORRECTED,
    "vfep-cor7": PROVED,
    "vfep-cor7-limit": HYPOTHESIS,
    "vfep-eq56": CORRECTED,
    "vfep-eq58": CORRECTED,
    "vfep-eq59": CORRECTED,
    "vfep-force": REFUTED,
    "vfep-energy-force": PROVED,
    "vfep-clipping": REFUTED,
}


def test_the_catalogue_is_complete():
    assert set(CLAIMS) == set(VERDICTS)


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(name):
    result = check(CLAIMS[name])
    assert result.verdict is VERDICTS[name]
    assert result.printed.exact
    assert CLAIMS[name].source.startswith("003 ")
    if result.verdict in (REFUTED, CORRECTED, HYPOTHESIS):
        assert CLAIMS[name].reason


# a wrong statement is found to be wrong


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: gradient.check_lemma_2(sign=1),
        lambda: gradient.check_gradient(gradient.eq_33),
        lambda: gradient.check_gradient(
            lambda ct, cs, j, m: ct - cs * eq.inverse(j.T) * m  # the transpose in the wrong place
        ),
        lambda: gradient.check_proxy(lambda ct, cs, j, m: ct - cs * eq.inverse(j) * m),
        lambda: gradient.check_output_weights(unit=1),
        lambda: gradient.check_metric_gradient(tied=False),
        lambda: gradient.check_jacobian_symmetry(sign=-1),
        lambda: descent.check_two_unit_dot(sign=1),
        lambda: stability.check_influence(sign=-1),
        lambda: stability.check_prop_4(factor=2),
        lambda: stability.check_prop_5_two_units(sign=1),
        lambda: nudge.check_exact_nudge(exact=False),
        lambda: nudge.check_bias(exact_nudge=False, symmetric=False, order=2),
        lambda: nudge.check_bias(exact_nudge=True, symmetric=True, order=1),
        lambda: adjoint.check_eq_48(sign=1),
        lambda: adjoint.check_eq_44(sign=-1),
        lambda: adjoint.check_eq_45(sign=-1),
        lambda: adjoint.check_cor_7(sign=-1),
        lambda: adjoint.check_cor_7_formula(sign=-1),
        lambda: practice.check_eq_58(sign=-1),
    ],
)
def test_a_wrong_statement_fails(wrong):
    assert not wrong().holds


def test_a_counter_example_must_meet_the_hypothesis(monkeypatch):
    monkeypatch.setattr(descent, "is_hurwitz", lambda matrix: False)
    with pytest.raises(ArithmeticError, match="it is stable"):
        descent.check_good_parameter()


def test_a_good_example_does_not_refute(monkeypatch):
    system, at = descent.two_units(sp.Rational(1, 2), sp.Rational(1, 2), sp.Rational(2))
    monkeypatch.setattr(descent, "two_units", lambda *weights: (system, at))
    assert descent.check_good_parameter().holds


# golden numbers


def layered_rows(blocks):
    """The five units h₀ | h₁ (2) | h₂ (2) and two inputs, from the blocks of the golden case."""
    rows = sp.zeros(5, 7)
    places = {"W01": (0, 1), "W10": (1, 0), "W12": (1, 3), "W21": (3, 1), "W23": (3, 5)}
    for name, (i, j) in places.items():
        block = sp.Matrix([[sp.Rational(v) for v in row] for row in blocks[name]])
        rows[i : i + block.rows, j : j + block.cols] = block
    return rows, places


def layered_case(case, activation):
    """The system with a symbol for every weight, the values of these, and their places."""
    rows, places = layered_rows(case["inputs"])
    names = {}
    table = [[0] * 7 for _ in range(5)]
    for name, (i0, j0) in places.items():
        block = case["inputs"][name]
        for i in range(len(block)):
            for j in range(len(block[0])):
                symbol = sp.Symbol(f"{name}_{i}{j}")
                names[symbol] = rows[i0 + i, j0 + j]
                table[i0 + i][j0 + j] = symbol
    h = sp.symbols("h0:5")
    x = [sp.Rational(v) for v in case["inputs"]["x"]]
    cost = eq.squared_error(h[:1], [sp.Rational(v) for v in case["inputs"]["y"]])
    field = eq.leaky(table, h, activation, inputs=x)
    return eq.FixedPointSystem(field, h, tuple(names), cost), names


def test_golden_asymmetric_network():
    case = GOLDEN["vfep_asym"]
    system, weights = layered_case(case, sp.tanh)
    field = [eq.put(mu, weights) for mu in system.field]
    run = sp.lambdify([system.states], field, "numpy")
    found = scipy.optimize.root(lambda h: np.array(run(h)), np.zeros(5), tol=1e-14).x
    np.testing.assert_allclose(found, case["expected"]["h_fixed"], atol=1e-10)
    at = {**weights, **dict(zip(system.states, map(sp.Float, found), strict=True))}
    assert float(eq.put(system.cost, at)) == pytest.approx(case["expected"]["J"], rel=1e-10)
    slope = np.array(system.gradient(at), dtype=float).ravel()
    proxy = np.array(system.proxy(at), dtype=float).ravel()
    for key, row in (("dJdW", slope), ("nu", proxy)):
        blocks = case["expected"][key]
        flat = np.concatenate([np.ravel(blocks[b]) for b in ("W01", "W10", "W12", "W21", "W23")])
        np.testing.assert_allclose(row, flat, atol=1e-10)
    assert slope @ proxy == pytest.approx(case["expected"]["dot"], rel=1e-9)
    cosine = slope @ proxy / np.linalg.norm(slope) / np.linalg.norm(proxy)
    assert cosine == pytest.approx(case["expected"]["cos_grad_nu"], rel=1e-9)
    real = np.linalg.eigvals(np.array(system.jacobian(at), dtype=float)).real
    assert real.max() == pytest.approx(case["expected"]["max_real_eig"], rel=1e-9)
    # one output: exact on the weights into it
    np.testing.assert_allclose(slope[:2], -proxy[:2], atol=1e-14)


def test_the_printed_euler_step_runs_away_and_the_right_one_settles():
    case = GOLDEN["vfep_asym"]
    system, weights = layered_case(case, sp.tanh)
    run = sp.lambdify([system.states], [eq.put(mu, weights) for mu in system.field], "numpy")
    rest = np.array(case["expected"]["h_fixed"])
    for sign, bound in ((-1, lambda d: d > 1.0), (1, lambda d: d < 1e-6)):
        h = rest + 1e-3
        for _ in range(400):
            h = h + sign * 0.05 * np.array(run(h))
        assert bound(np.abs(h - rest).max())


def test_golden_symmetric_linear_network():
    case = GOLDEN["vfep_symW_linear"]
    system, weights = layered_case(case, lambda u: u)
    rest = sp.solve([eq.put(mu, weights) for mu in system.field], system.states, dict=True)[0]
    at = {**weights, **rest}
    assert eq.vanishes(system.gradient(at) + system.proxy(at))
    found = [float(rest[h]) for h in system.states]
    np.testing.assert_allclose(found, case["expected"]["h_fixed"], rtol=1e-12)
    assert float(eq.put(system.cost, at)) == pytest.approx(case["expected"]["J"], rel=1e-12)


def test_golden_ascent():
    case = GOLDEN["vfep_ascent_2neuron"]
    weights = [sp.Rational(case["inputs"][k]) for k in ("w01", "w10", "wx")]
    system, at = descent.two_units(*weights)
    assert [float(at[h]) for h in system.states] == case["expected"]["h"]
    assert descent.descent(system, at) == sp.Rational(198, 3125)
    assert float(descent.descent(system, at)) == pytest.approx(case["expected"]["dJ_dot_nu"])
    real = sorted(float(sp.re(v)) for v in system.jacobian(at).eigenvals())
    assert real == case["expected"]["eigs_real"]


def test_golden_propositions():
    plain = GOLDEN["prop4_counterexample"]
    system = stability.feed_forward()
    assert system.jacobian({}).tolist() == plain["inputs"]["J"]
    jac, v = sp.Matrix(plain["inputs"]["J"]), sp.Matrix(plain["inputs"]["v"])
    assert (v.T * jac * v)[0] == plain["expected"]["vJv"]
    assert sorted(((jac + jac.T) / 2).eigenvals()) == plain["expected"]["sym_part_eigs"]
    zero = dict.fromkeys(system.states, 0)
    assert system.cost_by_state(zero).tolist() == [
        GOLDEN["prop5_counterexample_2d"]["inputs"]["C_s"]
    ]
    slope = GOLDEN["prop5_counterexample_2d"]["expected"]["dC_dbeta_at_0"]
    assert stability.cost_slope(system, zero) == slope
    layered = GOLDEN["prop5_counterexample_layered"]["expected"]
    system, at = stability.layered_chain()
    back = eq.inverse(system.jacobian(at))
    assert float(back[0, 0]) == layered["Jinv00"]
    assert system.jacobian(at).eigenvals() == {-1: 3}
    # the golden case has ∂C/∂h₀ = 1; dC/dβ goes with its square
    assert stability.cost_slope(system, at) / 2**2 == layered["dC_dbeta_at_0"]


@pytest.mark.parametrize("beta, output", [("0", "2"), ("1/10", "20/9"), ("1/2", "4")])
def test_the_nudge_drives_the_layered_output_off_target(beta, output):
    assert stability.nudged_output().subs(eq.BETA, sp.Rational(beta)) == sp.Rational(output)


def test_golden_force():
    case = GOLDEN["appC_force_claim"]
    h = sp.symbols("h0 h1")
    field = eq.leaky(case["inputs"]["W"], h, eq.hard_sigmoid)
    at = dict(zip(h, (sp.Rational(str(v)) for v in case["inputs"]["h"]), strict=True))
    assert [float(eq.put(mu, at)) for mu in field] == case["expected"]["mu"]


def test_the_proposition_of_contraction_is_not_strict():
    # (s − 0)·(−s³) < 0 and yet the Jacobian is 0: "negative" in Eq 35 is semidefinite
    s = sp.Symbol("s", real=True)
    system = eq.FixedPointSystem((-(s**3),), (s,), (), s)
    assert system.jacobian({s: 0}) == sp.zeros(1, 1)


# against independent numerics


def tanh_net(seed, n=4):
    rng = np.random.default_rng(seed)
    weights, drive = rng.normal(size=(n, n)) * 0.6, rng.normal(size=n)
    return weights, drive


def settle(weights, drive, extra=lambda s: 0.0 * s):
    def mu(s):
        return weights @ np.tanh(s) + drive - s + extra(s)

    return scipy.optimize.root(mu, np.zeros(len(drive)), tol=1e-14).x


def symbolic_net(weights, drive):
    n = len(drive)
    s = sp.symbols(f"s0:{n}")
    w = sp.Matrix(n, n, lambda i, j: sp.Symbol(f"w{i}{j}"))
    pairs = zip(eq.leaky(w.tolist(), s, sp.tanh), drive, strict=True)
    field = tuple(mu + sp.Float(b) for mu, b in pairs)
    system = eq.FixedPointSystem(field, s, tuple(w.flat()), eq.squared_error(s[:2], [1, -1]))
    rest = settle(weights, drive)
    values = dict(zip((*s, *w.flat()), map(sp.Float, (*rest, *weights.ravel())), strict=True))
    return system, values, rest


def objective(weights, drive):
    rest = settle(weights, drive)
    return 0.5 * ((rest[0] - 1) ** 2 + (rest[1] + 1) ** 2)


@pytest.mark.parametrize("seed", [0, 1])
def test_gradient_against_finite_differences(seed):
    weights, drive = tanh_net(seed)
    system, at, _ = symbolic_net(weights, drive)
    exact = np.array(system.gradient(at), dtype=float).reshape(4, 4)
    step = 1e-5
    for i, j in [(0, 1), (2, 3), (3, 0), (1, 1)]:
        up, down = weights.copy(), weights.copy()
        up[i, j] += step
        down[i, j] -= step
        slope = (objective(up, drive) - objective(down, drive)) / (2 * step)
        assert exact[i, j] == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("symmetric, order", [(False, 1), (True, 2)])
def test_two_phase_estimates_have_their_order(exact, symmetric, order):
    weights, drive = tanh_net(3)
    system, at, rest = symbolic_net(weights, drive)
    target = -system.gradient(at) if exact else system.proxy(at)
    target = np.array(target, dtype=float).ravel()
    jac = weights * (1 - np.tanh(rest) ** 2) - np.eye(4)
    goal, mask = np.array([1.0, -1.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0])

    def nudged(beta):
        def extra(s):
            turned = (jac.T - jac) @ (s - rest) if exact else 0.0
            return beta * mask * (goal - s) + turned

        return settle(weights, drive, extra)

    betas = np.array([0.08, 0.04, 0.02, 0.01])
    errors = []
    for beta in betas:
        moved = nudged(beta) - nudged(-beta) if symmetric else nudged(beta) - rest
        response = moved / (2 * beta if symmetric else beta)
        estimate = np.outer(response, np.tanh(rest)).ravel()
        errors.append(np.linalg.norm(estimate - target))
    slope = np.polyfit(np.log(betas), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.1)


def test_exact_nudge_is_needed():
    # the plain contrast of the same network is not the gradient
    weights, drive = tanh_net(3)
    system, at, _ = symbolic_net(weights, drive)
    total = np.array(system.gradient(at) + system.proxy(at), dtype=float)
    assert np.abs(total).max() > 0.01


def test_theorem_6_against_finite_differences():
    weights, drive = tanh_net(5, n=3)
    duration = 1.7

    def end(start, w):
        flow = scipy.integrate.solve_ivp(
            lambda t, s: w @ np.tanh(s) + drive - s, (0, duration), start, rtol=1e-11, atol=1e-12
        )
        return flow.y[:, -1]

    def cost(start, w):
        return 0.5 * np.sum((end(start, w) - 1) ** 2)

    start = np.array([0.3, -0.4, 0.9])

    # state run back in time together with Eq 44 and 45, from ∂L/∂s = C_s and ∂L/∂θ = 0
    def backwards(t, z):
        s, by_state = z[:3], z[3:6]
        jac = weights * (1 - np.tanh(s) ** 2) - np.eye(3)
        velocity = weights @ np.tanh(s) + drive - s
        return np.concatenate([-velocity, jac.T @ by_state, np.outer(by_state, np.tanh(s)).ravel()])

    last = end(start, weights)
    z0 = np.concatenate([last, last - 1, np.zeros(9)])
    z = scipy.integrate.solve_ivp(backwards, (0, duration), z0, rtol=1e-11, atol=1e-12).y[:, -1]
    step = 1e-5
    for i in range(3):
        kick = step * np.eye(3)[i]
        slope = (cost(start + kick, weights) - cost(start - kick, weights)) / (2 * step)
        assert z[3 + i] == pytest.approx(slope, abs=1e-7)
    kick = np.zeros((3, 3))
    kick[1, 2] = step
    slope = (cost(start, weights + kick) - cost(start, weights - kick)) / (2 * step)
    assert z[6:].reshape(3, 3)[1, 2] == pytest.approx(slope, abs=1e-7)


def test_corollary_7_formula_against_the_matrix_exponential():
    rng = np.random.default_rng(2)
    jac = rng.normal(size=(4, 4)) - 3 * np.eye(4)
    c_s, mu_theta, c_theta, time = (
        rng.normal(size=4),
        rng.normal(size=(4, 3)),
        rng.normal(size=3),
        0.8,
    )
    grown = scipy.linalg.expm(jac.T * time)
    closed = c_theta + mu_theta.T @ np.linalg.solve(jac.T, (grown - np.eye(4)) @ c_s)
    flow = scipy.integrate.solve_ivp(
        lambda t, z: np.concatenate([jac.T @ z[:4], mu_theta.T @ z[:4]]),
        (0, time),
        np.concatenate([c_s, c_theta]),
        rtol=1e-11,
        atol=1e-12,
    )
    np.testing.assert_allclose(closed, flow.y[4:, -1], atol=1e-9)


def test_recurrent_process_is_the_matrix_exponential():
    jac, exponential, (fast, slow) = adjoint.recurrent_process()
    values = {"m": -1.0, "q": 0.3, "b": 0.7, "delta": 0.4}
    numbers = {sp.Symbol(k): v for k, v in values.items()}
    time = 1.3
    grown = {fast: np.exp((-1.0 + 0.4) * time), slow: np.exp((-1.0 - 0.4) * time)}
    found = np.array(eq.put(exponential, {**numbers, **grown}), dtype=float)
    expected = scipy.linalg.expm(np.array(eq.put(jac, numbers), dtype=float).T * time)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_two_unit_closed_form_over_random_networks():
    rng = np.random.default_rng(0)
    for _ in range(20):
        w01, w10, wx = (sp.Rational(int(v), 7) for v in rng.integers(-20, 21, size=3))
        if w01 * w10 == 1:
            continue
        system, at = descent.two_units(w01, w10, wx)
        h0, h1 = (at[h] for h in system.states)
        bracket = descent.two_unit_bracket(w01 * w10, h0, h1, sp.S.One)
        assert descent.descent(system, at) == -(((h0 - 1) / (1 - w01 * w10)) ** 2) * bracket


def test_hurwitz_agrees_with_eigenvalues():
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(40):
        n = int(rng.integers(1, 6))
        matrix = rng.integers(-6, 4, size=(n, n)) - 3 * np.eye(n, dtype=int)
        abscissa = np.linalg.eigvals(matrix).real.max()
        if abs(abscissa) < 1e-9:
            continue
        assert eq.is_hurwitz(sp.Matrix(matrix.tolist())) == (abscissa < 0)
        seen.add(bool(abscissa < 0))
    assert seen == {True, False}


def test_fixed_point_series_of_a_closed_form():
    # s = p + s²: the Catalan numbers
    s, p = sp.symbols("s p")
    terms = eq.fixed_point_series([p + s**2 - s], [s], p, {s: 0}, order=5)
    assert [term[0] for term in terms] == [1, 1, 2, 5, 14]


# bad input


def test_bad_input_is_one_clear_sentence():
    s, w = sp.symbols("s w")
    with pytest.raises(ValueError, match="one component for each state"):
        eq.FixedPointSystem((s, s), (s,), (w,), s)
    with pytest.raises(ValueError, match="rename one"):
        eq.FixedPointSystem((w - s,), (s,), (s,), s)
    with pytest.raises(ValueError, match="weights must have 1 rows"):
        eq.leaky([[1, 2]], (s,), lambda u: u)
    with pytest.raises(ValueError, match="targets must have 1"):
        eq.squared_error((s,), [1, 2])
    with pytest.raises(ValueError, match="states ≥ 1"):
        eq.generic_system(0, 1)
    with pytest.raises(ValueError, match="order ≥ 1"):
        eq.fixed_point_series([w - s], [s], w, {s: 0}, order=0)
    with pytest.raises(ValueError, match="needs a matrix of rationals"):
        eq.is_hurwitz(sp.Matrix([[w]]))


def test_a_singular_jacobian_is_refused():
    s, w = sp.symbols("s w")
    system = eq.FixedPointSystem((w - s**3,), (s,), (w,), s)
    for ask in (system.gradient, system.proxy):
        with pytest.raises(ValueError, match="singular"):
            ask({s: 0, w: 0})
    with pytest.raises(ValueError, match="singular"):
        eq.fixed_point_series(system.field, [s], w, {s: 0})


def test_matrix_algebra_tells_right_from_wrong():
    def symmetric_inverse(c_theta, c_s, jac, mu):
        return c_s * jac.I * c_s.T - c_s * jac.T.I * c_s.T

    # a number equals its transpose, but not by matrix algebra alone; and J⁻¹ is not J⁻ᵀ
    assert not eq.for_every_size(symmetric_inverse)
    assert not eq.for_every_size(lambda c_theta, c_s, jac, mu: c_s * (jac.I - jac.T.I) * mu)
    assert eq.for_every_size(lambda c_theta, c_s, jac, mu: (c_s * jac).T - jac.T * c_s.T)
