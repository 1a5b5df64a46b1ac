"""001 ch 4: verdicts against the catalogue, golden numbers, checks fed with wrong statements."""

import numpy as np
import pytest
import sympy as sp
from thesis import GOLDEN, close, rationals

from neurodyn.theory import TheoryVerdict, check, claims
from neurodyn.theory.dyadic import Dyadic, dyadic_block, lipschitz_certificate, w_lambda
from neurodyn.theory.opaque import matrix, skew, strictly_lower, vanishes, vector
from neurodyn.theory.statements import dyadic_claims as general
from neurodyn.theory.statements import lipschitz_claims as robust
from neurodyn.theory.statements import structure_claims as structure

PROVED = TheoryVerdict.PROVED
WITH_HYPOTHESIS = TheoryVerdict.PROVED_WITH_HYPOTHESIS

CATALOGUE = {
    "thesis-eq41": PROVED,
    "thesis-eq43": PROVED,
    "thesis-eq45": PROVED,
    "thesis-eq46": PROVED,
    "thesis-eq47": PROVED,
    "thesis-eq47-stationary": PROVED,
    "thesis-eq48": PROVED,
    "thesis-eq48-symmetric": PROVED,
    "thesis-dyadic-gradient": PROVED,
    "thesis-dyadic-bias": PROVED,
    "thesis-dyadic-pole": WITH_HYPOTHESIS,  # of the checklist, not of the table
    "thesis-no-signal": WITH_HYPOTHESIS,
    "thesis-no-signal-dynamics": PROVED,
    "thesis-symmetric-ep": PROVED,
    "thesis-triangular-dp": PROVED,
    "thesis-skew-bipartite": PROVED,
    "thesis-skew-layers": PROVED,
    "thesis-wlambda-cases": PROVED,
    "thesis-wlambda-diagonal": WITH_HYPOTHESIS,
    "thesis-split": PROVED,
    "thesis-lipschitz": WITH_HYPOTHESIS,
    "thesis-lipschitz-slope": PROVED,
    "thesis-lipschitz-monotone": PROVED,
    "thesis-lipschitz-special": PROVED,
    "thesis-lipschitz-linear": PROVED,
    "thesis-lipschitz-sharp": PROVED,
    "thesis-lipschitz-certificate": PROVED,
    "thesis-skew-flow": PROVED,
    "thesis-skew-iteration": PROVED,
    "thesis-skew-damping": PROVED,
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_verdict_is_that_of_the_catalogue(name):
    result = check(claims(name)[0])
    assert result.verdict is CATALOGUE[name]
    assert result.printed.exact


def tanh_potential(u):
    return u * sp.atanh(u) + sp.log(1 - u**2) / 2


# -- golden numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["dyadic_lambda_0", "dyadic_lambda_0_5"])
def test_golden_dyadic_gradient_and_order(case):
    inputs = GOLDEN[case]["inputs"]
    weights = w_lambda(rationals(inputs["theta"]), sp.Rational(inputs["lam"]))
    target, out, size = sp.Rational(inputs["y"][0]), inputs["output_unit"], weights.rows
    beta = sp.Symbol("beta")
    states = (vector("p", size), vector("m", size))
    net = Dyadic(
        weights,
        rationals(inputs["b"]),
        *states,
        beta,
        tanh_potential,
        lambda *s: (s[out] - target) ** 2 / 2,
    )
    unknowns = [*net.plus, *net.minus]
    force = sp.Matrix([entry for part in net.forces() for entry in part])
    run = sp.lambdify([unknowns, beta], list(force))
    jacobian = sp.lambdify([unknowns, beta], force.jacobian(unknowns))
    update = sp.lambdify([unknowns, beta], net.update())

    def settled(nudge, start):
        state = np.array(start, float)
        for _ in range(40):
            step = np.linalg.solve(
                np.array(jacobian(state, nudge), float), np.array(run(state, nudge), float)
            )
            while np.any(np.abs(state - step) >= 1):
                step = step / 2
            state = state - step
        return state

    start = settled(0, np.zeros(2 * size))
    free = start[:size]
    assert close(free, case, "s_free")
    slopes = 1 / (1 - free**2)
    error = np.zeros(size)
    error[out] = free[out] - float(target)
    delta = np.linalg.solve(np.diag(slopes) - np.array(weights, float).T, error)
    exact = np.outer(delta, free)
    assert close(exact[4], case, "grad_row4")
    assert close(exact[2], case, "grad_row2")
    if case == "dyadic_lambda_0_5":  # backpropagation: f'(a)(s − y)
        assert delta[out] == pytest.approx(-0.05304503977376993, abs=1e-14)
    errors = [
        np.linalg.norm(np.array(update(settled(nudge, start), nudge), float) - exact)
        for nudge in inputs["betas"]
    ]
    assert close(errors, case, "estimate_error")
    assert np.log2(errors[-2] / errors[-1]) == pytest.approx(
        GOLDEN[case]["expected"]["order"], abs=1e-8
    )


def test_golden_block_matrix():
    inputs = GOLDEN["dyadic_block_matrix"]["inputs"]
    block = dyadic_block(sp.Matrix(inputs["W"]))
    assert block.tolist() == GOLDEN["dyadic_block_matrix"]["expected"]["calW"]
    z = rationals([*inputs["s_plus"], *inputs["s_minus"]])
    value = -(z.T * block * z)[0] / 4
    assert close(value, "dyadic_block_matrix", "quadratic_value")


def test_golden_w_lambda():
    inputs, expected = GOLDEN["w_lambda"]["inputs"], GOLDEN["w_lambda"]["expected"]
    for lam in inputs["lambdas"]:
        key = f"W_{lam}".replace(".", "_")
        assert w_lambda(inputs["theta"], lam) == rationals(expected[key])


@pytest.mark.parametrize(
    "case, slopes",
    [
        ("skew_linear_lipschitz", (1, 1)),
        ("skew_linear_lipschitz_n3", (1, 1, 1)),
        ("skew_nonmonotone_counterexample", (1, -1)),
        ("symmetric_not_lipschitz1", (1, 1)),
    ],
)
def test_golden_lipschitz_constants(case, slopes):
    weights = rationals(GOLDEN[case]["inputs"]["W"])
    assert close(robust.constant(weights, sp.Matrix(slopes)), case, "L")


def test_golden_damping():
    inputs, expected = GOLDEN["skew_damping"]["inputs"], GOLDEN["skew_damping"]["expected"]
    weights, eye = np.array(inputs["W"], float), np.eye(2)
    values = check(claims("thesis-skew-damping")[0]).printed.values
    assert float(sp.Rational(values["critical h at σ = 2"])) == expected["critical_h"]
    assert float(values["spectral radius at h = 1, σ = 2"]) == expected["rho_h1"]
    for h, settles in ((0.399, True), (0.401, False)):
        step = (1 - h) * eye + h * weights
        assert (np.abs(np.linalg.eigvals(step)).max() < 1) is np.bool_(settles)
    assert np.allclose(np.linalg.solve(eye - weights, inputs["b"]), expected["fixed_point"])


def test_golden_multistability():
    inputs = GOLDEN["dyadic_multistability"]["inputs"]
    star = GOLDEN["dyadic_multistability"]["expected"]["s_star"]
    net = Dyadic(
        sp.Matrix(inputs["W"]),
        sp.zeros(2, 1),
        vector("p", 2),
        vector("m", 2),
        sp.Symbol("β", positive=True),
        tanh_potential,
        structure.no_loss,
    )
    at = dict(zip([*net.plus, *net.minus], (star, star, -star, -star), strict=True))
    for force in net.forces():
        assert max(abs(float(entry)) for entry in force.subs(at)) < 1e-13


# -- wrong statements fail ------------------------------------------------------------------------


def swapped_sign(weights):
    """The block matrix with the lower left block that the extracted text shows."""
    both, apart = weights + weights.T, weights - weights.T
    return sp.Matrix(sp.BlockMatrix([[both, apart], [apart, -both]]).as_explicit())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: general.objective_by_units(diagonal=True),
        lambda: general.pair_stationarity(transpose=False),
        lambda: general.block_form(swapped_sign),
        lambda: general.block_symmetric(swapped_sign),
        lambda: general.dyadic_gradient(transpose=False),
        lambda: general.dyadic_bias(scale=1),
        lambda: general.maximum_at_every_beta(),
        lambda: general.maximum_below_pole(share=1),
        lambda: structure.two_wells(),
        lambda: structure.one_well(bound=0),
        lambda: structure.triangular_is_backprop(flip=True),
        lambda: structure.layers_decouple(layered=False),
        lambda: structure.self_connections(strict=False),
        lambda: structure.three_cases(lambda theta, lam: theta + (lam - 1) * theta.T),
        lambda: robust.any_activation(),
        lambda: robust.sharp_at_odd_size((2, 4)),
        lambda: robust.damping(lambda sigma: 2 / (1 + sigma)),
        lambda: robust.flow_settles(sign=1),
        lambda: robust.plain_iteration(strictly_lower),
    ],
)
def test_wrong_statements_fail(wrong):
    assert not wrong().holds


def test_balance_needs_the_symmetric_part():
    weights = matrix("W", 3, 3)
    both = (weights + weights.T) / 2
    assert vanishes(robust.energy_balance(weights, both, sp.S.One))
    assert not vanishes(robust.energy_balance(weights, sp.zeros(3, 3), sp.S.One))
    assert vanishes(robust.energy_balance(skew("W", 3), sp.zeros(3, 3), sp.S.One))


# -- numbers at random ----------------------------------------------------------------------------


@pytest.mark.parametrize("lam", [0, sp.Rational(1, 4), sp.Rational(1, 2), 1])
def test_certificate_bounds_random_nets(lam):
    rng = np.random.default_rng(3)
    for _ in range(20):
        rows = np.tril(rng.integers(-4, 5, (4, 4)), -1)
        theta = rationals((rows / 16).tolist())
        bound = float(lipschitz_certificate(theta, lam))
        weights = np.array(w_lambda(theta, lam), float)
        slopes = np.diag(rng.uniform(0, 1, 4))
        reached = np.linalg.norm(np.linalg.solve(np.eye(4) - slopes @ weights, slopes), 2)
        assert reached <= bound * (1 + 1e-12)
    assert lipschitz_certificate(theta, 0) == 1


def test_certificate_is_infinite_beyond_its_range():
    theta = sp.Matrix([[0, 0], [1, 0]])
    assert lipschitz_certificate(theta, 1) == sp.oo
    assert lipschitz_certificate(theta, 0.5) == 2


# -- bad input ------------------------------------------------------------------------------------


def test_w_lambda_wants_a_strictly_lower_triangle():
    for theta in (sp.Matrix([[1, 0], [3, 0]]), sp.Matrix([[0, 1], [0, 0]])):
        with pytest.raises(ValueError, match="strictly lower"):
            w_lambda(theta, 1)
    with pytest.raises(ValueError, match="square"):
        w_lambda(sp.zeros(2, 3), 1)


def test_certificate_wants_numbers():
    with pytest.raises(ValueError, match="lam"):
        lipschitz_certificate(sp.zeros(2, 2), 2)
    with pytest.raises(ValueError, match="lam"):
        lipschitz_certificate(sp.zeros(2, 2), float("nan"))
    with pytest.raises(ValueError, match="theta"):
        lipschitz_certificate(strictly_lower("θ", 2), 1)


def test_w_lambda_in_symbols():
    lam = sp.Symbol("λ")
    theta = strictly_lower("θ", 3)
    assert vanishes(w_lambda(theta, lam) - theta - (2 * lam - 1) * theta.T)
