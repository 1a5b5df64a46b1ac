"""001 ch 3: verdicts against the catalogue, golden numbers, checks fed with wrong statements."""

import dataclasses

import numpy as np
import pytest
import sympy as sp
from thesis import GOLDEN, close, rationals

from neurodyn.theory import TheoryVerdict, check, claims
from neurodyn.theory.lagrangian import Layered, printed_multiplier, true_multiplier
from neurodyn.theory.opaque import gradient, matrix, opaque, vanishes, vector
from neurodyn.theory.relaxed import (
    am_objective,
    effective_hessian,
    hopfield_energy,
    mac_objective,
    prox_energy,
)
from neurodyn.theory.statements import backprop_claims as chain_rule
from neurodyn.theory.statements import lagrangian_claims as multipliers_of
from neurodyn.theory.statements import lifted_claims as lifted
from neurodyn.theory.statements import nudged_claims as nudged
from neurodyn.theory.statements import order_claims as order
from neurodyn.theory.statements import relaxed_claims as energies

BETA = sp.Symbol("β", positive=True)

PROVED = TheoryVerdict.PROVED
CORRECTED = TheoryVerdict.CORRECTED
WITH_HYPOTHESIS = TheoryVerdict.PROVED_WITH_HYPOTHESIS
REFUTED = TheoryVerdict.REFUTED

CATALOGUE = {
    "thesis-elementwise": CORRECTED,
    "thesis-eq31": PROVED,
    "thesis-eq32": PROVED,
    "thesis-eq33": PROVED,
    "thesis-eq34": PROVED,
    "thesis-state-index": CORRECTED,
    "thesis-eq35": PROVED,
    "thesis-eq36": CORRECTED,
    "thesis-eq37": CORRECTED,
    "thesis-identification": CORRECTED,
    "thesis-lagrangian-updates": CORRECTED,
    "thesis-random-order": PROVED,
    "thesis-eq38": PROVED,
    "thesis-eq39": PROVED,
    "thesis-eq311": PROVED,
    "thesis-chl-limit": WITH_HYPOTHESIS,
    "thesis-ep-limit": PROVED,
    "thesis-ep-bias": PROVED,
    "thesis-coupled-limit": PROVED,
    "thesis-coupled-one-output": PROVED,
    "thesis-coupled-guarantee": PROVED,
    "thesis-mac-limit": PROVED,
    "thesis-am-limit": PROVED,
    "thesis-lifted-bias": PROVED,
    "thesis-eq314-argument": CORRECTED,
    "thesis-eq315-relu": PROVED,
    "thesis-eq315-hard-sigmoid": PROVED,
    "thesis-free-energy-lifted": PROVED,
    "thesis-free-energy-prox": REFUTED,
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_verdict_is_that_of_the_catalogue(name):
    result = check(claims(name)[0])
    assert result.verdict is CATALOGUE[name]
    assert result.printed.exact


def newton(residual, jacobian, start):
    """The root inside the unit box, 60 damped steps."""
    state = np.array(start, float)
    for _ in range(60):
        step = np.linalg.solve(np.array(jacobian(state), float), np.array(residual(state), float))
        while np.any(np.abs(state - step) >= 1):
            step = step / 2
        state = state - step
    return state


# -- golden numbers -------------------------------------------------------------------------------


def test_golden_backprop_and_multipliers():
    net = chain_rule.printed_net()
    deltas, gradients, multipliers = net.deltas(), net.gradients(), net.multipliers()
    assert close(net.forward()[1][-1].evalf(), "thesis_bp_mlp", "output")
    assert close(net.value().evalf(), "thesis_bp_mlp", "loss")
    for layer in (1, 2, 3):
        assert close(deltas[layer - 1].evalf(), "thesis_bp_mlp", f"delta_{layer}")
        assert close(gradients[layer - 1].evalf(), "thesis_bp_mlp", f"grad_W{layer - 1}")
        assert close(multipliers[layer - 1].evalf(), "thesis_lagrangian_eq36_37", f"lambda_{layer}")
    for layer, error in enumerate(multipliers_of.printed_errors()):
        assert close(error, "thesis_lagrangian_eq36_37", f"printed_rel_error_W{layer}")
    assert multipliers_of.printed_errors()[2] == 0


def test_golden_equilibrium_propagation_bias():
    case = GOLDEN["ep_bias_order"]
    weights, drive = rationals(case["inputs"]["W"]), rationals(case["inputs"]["b"])
    target = sp.Rational(case["inputs"]["y"][0])
    s, beta = vector("s", 4), sp.Symbol("beta")
    energy = hopfield_energy(weights, s, lambda u: u * sp.atanh(u) + sp.log(1 - u**2) / 2, drive)
    force = gradient(energy + beta * (s[3] - target) ** 2 / 2, s)
    run = sp.lambdify([list(s), beta], list(force))
    jacobian = sp.lambdify([list(s), beta], force.jacobian(s))

    def settled(nudge, start):
        return newton(lambda z: run(z, nudge), lambda z: jacobian(z, nudge), start)

    free = settled(0, np.zeros(4))
    assert close(free, "ep_bias_order", "s_free")
    error = np.zeros(4)
    error[3] = free[3] - float(target)
    back = np.linalg.solve(np.array(jacobian(free, 0), float), error)
    upper = np.triu_indices(4, 1)
    exact = (np.outer(back, free) + np.outer(free, back))[upper]
    assert close(exact, "ep_bias_order", "grad_upper_triangle")
    one, two = [], []
    for nudge in case["inputs"]["betas"]:
        plus, minus = settled(nudge, free), settled(-nudge, free)
        lone = -(np.outer(plus, plus) - np.outer(free, free))[upper] / nudge
        pair = -(np.outer(plus, plus) - np.outer(minus, minus))[upper] / (2 * nudge)
        one.append(np.linalg.norm(lone - exact))
        two.append(np.linalg.norm(pair - exact))
    assert close(one, "ep_bias_order", "err_one_sided")
    assert close(two, "ep_bias_order", "err_symmetric")
    assert close(np.log2(one[-2] / one[-1]), "ep_bias_order", "order_one_sided")
    assert close(np.log2(two[-2] / two[-1]), "ep_bias_order", "order_symmetric")


def test_golden_effective_hessian():
    case = GOLDEN["cpl_limit"]["inputs"]
    hessian = rationals(case["A"])
    found = effective_hessian(hessian, [case["output_unit"]])
    assert close(found[0], "cpl_limit", "H_eff")
    # coupled learning itself, at a small step towards the target
    drive = rationals(case["b"])
    free = hessian.LUsolve(drive)
    assert close(free, "cpl_limit", "s_free")
    claim = check(claims("thesis-coupled-one-output")[0])
    assert claim.printed.values["H_eff of the 4-unit example"] == str(found[0])


def mac_states(net, beta):
    free, objective = mac_objective(net, beta)
    return list(free.states[1:]), objective


@pytest.mark.parametrize(
    "objective_of, errors",
    [
        (am_objective, GOLDEN["thesis_am_limit"]["expected"]["err"]),
        (mac_states, [0.1214, 0.0706, 0.0384]),
    ],
)
def test_golden_lifted_bias(objective_of, errors):
    net, beta = chain_rule.printed_net(), sp.Symbol("beta")
    names = tuple(matrix(f"V{i}", *w.shape) for i, w in enumerate(net.weights))
    at = {}
    for block, weight in zip(names, net.weights, strict=True):
        at.update(zip(block, weight, strict=True))
    free, objective = objective_of(Layered(names, net.inputs, net.activations, net.loss), beta)
    unknowns = sp.Matrix([entry for part in free for entry in part])
    force = gradient(objective, unknowns).subs(at)
    run = sp.lambdify([list(unknowns), beta], list(force))
    jacobian = sp.lambdify([list(unknowns), beta], force.jacobian(unknowns))
    estimate = sp.lambdify(
        [list(unknowns), beta], list(gradient(objective, sp.Matrix(list(at))).subs(at))
    )
    exact = np.array([float(e) for part in net.gradients() for e in part])
    a, s = net.forward()
    start = [float(e) for part in (a if objective_of is am_objective else s[1:]) for e in part]
    for nudge, error in zip(GOLDEN["thesis_am_limit"]["inputs"]["betas"], errors, strict=True):
        state = np.array(start)
        for _ in range(30):
            step = np.linalg.solve(
                np.array(jacobian(state, nudge), float), np.array(run(state, nudge), float)
            )
            state = state - step
        gap = np.linalg.norm(np.array(estimate(state, nudge), float) - exact)
        assert gap == pytest.approx(error, abs=1e-10 if objective_of is am_objective else 5e-5)


def test_golden_free_energy_of_the_prox():
    values = check(claims("thesis-free-energy-prox")[0]).printed.values
    expected = GOLDEN["prox_free_energy_nonzero"]["expected"]
    assert values["forward pass"] == str(tuple(expected["forward_s"]))
    assert sp.Rational(values["its energy"]) == expected["forward_energy"]
    assert float(sp.Rational(values["lowest energy"])) == expected["joint_min_energy"]


# -- wrong statements fail ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: chain_rule.delta_recursion(use_transpose=False),
        lambda: chain_rule.elementwise(chain_rule.derivative_of_one_in_the_other),
        lambda: chain_rule.state_index(-1),
        lambda: multipliers_of.multiplier_recursion(printed_multiplier),
        lambda: multipliers_of.multiplier_recursion(lambda *a: -true_multiplier(*a)),
        lambda: multipliers_of.weight_derivative(1),
        lambda: multipliers_of.identification(1, 1),
        lambda: multipliers_of.identification(-1, 0),
        lambda: order.any_order(feedback=True),
        lambda: energies.hopfield_stationarity(symmetric_part=False),
        lambda: energies.scaled_penalty(energies.BETA**2),
        lambda: nudged.ep_bias(sign=1),
        lambda: nudged.coupled_limit(use_schur=False),
        lambda: nudged.coupled_direction(2),
        lambda: lifted.mac_limit(sign=-1),
        lambda: lifted.am_limit(sign=1),
        lambda: lifted.relu_minimiser(sp.Integer(-1)),
    ],
)
def test_wrong_statements_fail(wrong):
    assert not wrong().holds


def test_two_phase_updates_need_a_symmetric_hessian():
    hessian, mixed, error = matrix("H", 2, 2), vector("m", 2), vector("g", 2)
    assert not vanishes(nudged.contrast_against_gradient(hessian, mixed, error))


# -- objects --------------------------------------------------------------------------------------


def test_opaque_functions_differentiate_like_any_function():
    x, y = sp.symbols("x y")
    both = opaque("F")(x, x * y)
    assert both.diff(x, y) == both.diff(y, x)
    assert vanishes(both.diff(x).subs(y, 0) - opaque("F", (1,))(x, 0))
    assert not vanishes(both.diff(x) - opaque("F", (1,))(x, x * y))


def test_depth_and_shapes():
    net = Layered.generic((3, 2, 1))
    assert net.depth == 2
    assert [g.shape for g in net.gradients()] == [(2, 3), (1, 2)]
    with pytest.raises(ValueError, match="columns"):
        Layered((sp.eye(2), sp.eye(3)), vector("x", 2), (sp.tanh, sp.tanh), opaque("l"))
    with pytest.raises(ValueError, match="activations"):
        Layered((sp.eye(2),), vector("x", 2), (), opaque("l"))


def test_bad_input_in_one_sentence():
    with pytest.raises(ValueError, match="2 × 2"):
        hopfield_energy(sp.eye(3), vector("s", 2), sp.exp)
    with pytest.raises(ValueError, match="from 0 to 1"):
        effective_hessian(sp.eye(2), [2])
    with pytest.raises(ValueError, match="different"):
        effective_hessian(sp.eye(2), [0, 0])


def test_effective_hessian_without_hidden_units_is_the_hessian():
    hessian = sp.Matrix([[2, 1], [1, 3]])
    assert effective_hessian(hessian, [0, 1]) == hessian


def test_prox_energy_is_infinite_at_negative_states():
    assert prox_energy(sp.Matrix([-1]), sp.Matrix([-1])) == sp.oo
    assert prox_energy(sp.Matrix([0]), sp.Matrix([-1])) == sp.Rational(1, 2)


def test_a_claim_written_down_wrongly_is_reported():
    claim = claims("thesis-eq36")[0]
    mended = dataclasses.replace(claim, printed=claim.corrected)
    spoilt = dataclasses.replace(claim, corrected=claim.printed)
    assert check(mended).verdict is TheoryVerdict.BROKEN
    assert check(spoilt).verdict is TheoryVerdict.BROKEN
