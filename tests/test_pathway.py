"""Top-down pathways: every settled signal against the discrete algorithm written out in NumPy."""

import json
import pathlib

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import GOLDEN, array

import neurodyn as nd
from neurodyn import data
from neurodyn.systems.feedback import Decoder, ErrorFeedback, ForwardPass, TargetFeedback
from neurodyn.systems.pathway import Pathway

SIZES = (64, 16, 12, 10)
MAPS = ("exact", "random", "skipped", "target", "difference")
FILE = pathlib.Path(__file__).parent / "theory" / "golden_002_000.json"
ADJOINT = json.loads(FILE.read_text("utf-8"))  # the golden cases of papers 000 and 002
DIGITS = data.load("digits", samples=4)
BATCH = jnp.asarray(DIGITS.images), jnp.asarray(DIGITS.targets())
CHEAP = nd.Relax(solver=dfx.Bosh3())  # fewer stages compile sooner
SCIPY = {"backend": "scipy"}  # compiles no solver at all
SAMPLE = tuple(leaf[0] for leaf in BATCH)
X, Y = map(np.asarray, SAMPLE)


def net(feedback="exact", sizes=SIZES, seed=0, **fields) -> Pathway:
    """A random net with biases that are not zero, as `init` makes them."""
    path = Pathway.init(sizes, feedback=feedback, key=jax.random.key(seed), **fields)
    rng = np.random.default_rng(seed)
    biases = tuple(jnp.asarray(0.3 * rng.standard_normal(n)) for n in sizes[1:])
    return Pathway(
        **{name: getattr(path, name) for name in path.__dataclass_fields__} | {"biases": biases}
    )


def random_state(path: Pathway, *batch: int, seed=1):
    rng = np.random.default_rng(seed)
    return tuple(jnp.asarray(rng.standard_normal((*batch, n))) for n in path.sizes[1:])


def close(found, wanted, tol):
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=tol, rtol=0)


# The discrete algorithms, in plain NumPy: tanh hidden layers, linear output, ½‖h_L − y‖²


def forward(path, x):
    """Activities h_0 … h_L and slopes σ′(Y_1) … σ′(Y_L)."""
    activities, slopes = [np.asarray(x)], []
    for k, (w, b) in enumerate(zip(path.weights, path.biases, strict=True)):
        y = np.asarray(w) @ activities[-1] + np.asarray(b)
        last = k == len(path.weights) - 1
        activities.append(y if last else np.tanh(y))
        slopes.append(np.ones_like(y) if last else 1 / np.cosh(y) ** 2)
    return activities, slopes


def backpropagation(path, x, y, h, slopes):
    deltas = [float(path.strength) * (h[-1] - y)]
    for w, slope in zip(path.weights[:0:-1], slopes[::-1], strict=False):
        deltas.insert(0, np.einsum("ij,i,i->j", w, deltas[0], slope))
    return deltas


def random_backpropagation(path, x, y, h, slopes):
    pre = [float(path.strength) * (h[-1] - y) * slopes[-1]]  # −R^L, then −R^h = −f′ ⊙ C R^{h+1}
    deltas = [float(path.strength) * (h[-1] - y)]
    for c, slope in zip(path.feedback.channel[::-1], slopes[-2::-1], strict=True):
        deltas.insert(0, np.asarray(c) @ pre[0])
        pre.insert(0, slope * deltas[0])
    return deltas


def skipped(path, x, y, h, slopes):
    minus = float(path.strength) * (h[-1] - y)  # −(T − O), with a linear output
    return [np.asarray(c) @ minus for c in path.feedback.channel] + [minus]


def targets(path, x, y, h, slopes):
    found = [h[-1] - float(path.strength) * (h[-1] - y)]
    decoders = list(zip(path.feedback.decoders, h[1:-1], h[2:], strict=True))
    for g, here, above in decoders[::-1]:
        b, c = np.asarray(g.weights), np.asarray(g.bias)
        correction = here - np.tanh(b @ above + c) if path.feedback.difference else 0
        found.insert(0, np.tanh(b @ found[0] + c) + correction)
    return found


ALGORITHMS = dict(
    zip(MAPS, (backpropagation, random_backpropagation, skipped, targets, targets), strict=True)
)


# 1. The equilibrium is the algorithm


def algorithm(path, name):
    """The signals of the four digits, by NumPy."""
    pairs = zip(*map(np.asarray, BATCH), strict=True)
    found = [ALGORITHMS[name](path, x, y, *forward(path, x)) for x, y in pairs]
    return tuple(jnp.asarray(np.stack(layer)) for layer in zip(*found, strict=True))


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("name", MAPS)
def test_the_discrete_algorithm_is_at_rest(name, sequential):
    path = net(name, strength=0.7, sequential=sequential)
    ends = algorithm(path, name)
    close(jax.vmap(path.discrete)(BATCH), ends, 4e-15)
    assert nd.residual(path, ends, BATCH).max() < 4e-15
    assert nd.residual(path, random_state(path, 4), BATCH).min() > 0.1


def test_digits_settle_from_a_random_start():
    path = net(strength=0.7)
    settled = nd.settle(path, BATCH, random_state(path, 4), tol=1e-10, method=CHEAP).require()
    close(settled.state, algorithm(path, "exact"), 50 * 1e-10)  # residuals add up on the way down
    assert [layer.shape for layer in path.layers(settled.state)] == [(4, 16), (4, 12), (4, 10)]


def test_every_map_settles_from_a_random_start():
    paths = [net(name, strength=0.7) for name in MAPS[1:]]
    side_by_side = nd.Field(  # one field, so that one solver is compiled
        lambda t, s, x: tuple(path(t, own, x) for path, own in zip(paths, s, strict=True)),
        state=tuple(map(random_state, paths)),
        inputs=SAMPLE,
    )
    start = tuple(random_state(path, 4, seed=k) for k, path in enumerate(paths))
    settled = nd.settle(side_by_side, BATCH, start, tol=1e-10, method=CHEAP).require()
    for name, path, state in zip(MAPS[1:], paths, settled.state, strict=True):
        close(state, algorithm(path, name), 50 * 1e-10)


@pytest.mark.parametrize(
    ("cost", "out"),
    [
        (nd.SquaredError(), nd.identity),
        (nd.SquaredError(), nd.logistic),
        (nd.SoftmaxCrossEntropy(), nd.identity),
        (nd.LogisticCrossEntropy(), nd.identity),
    ],
)
def test_exact_feedback_is_the_gradient_of_the_cost(cost, out):
    path = net(cost=cost, output_activation=out, activation=nd.logistic)

    def loss(weights, biases):
        h = SAMPLE[0]
        for w, b, rho in zip(weights, biases, (nd.logistic, nd.logistic, out), strict=True):
            h = rho.function(w @ h + b)
        return cost(h, SAMPLE[1])

    dw, db = jax.grad(loss, (0, 1))(path.weights, path.biases)
    state = path.discrete(SAMPLE)
    found = path.errors(state, SAMPLE)
    close(found, [-g for g in db], 1e-15)
    before = (SAMPLE[0], *path.forward(SAMPLE[0]).activities)
    for b, h, g in zip(found, before, dw, strict=False):
        np.testing.assert_allclose(-np.outer(b, h), g, atol=1e-15)  # [000 Eq 7]


def test_golden_quadratic_net_with_biases():
    case = ADJOINT["fadjoint_quadratic"]
    given, wanted = case["inputs"], case["expected"]
    rows = [array(given[name]) for name in ("W1", "W2")]  # the bias is the last column
    path = Pathway(
        [w[:, :-1] for w in rows],
        [w[:, -1] for w in rows],
        activation=nd.logistic,
        output_activation=nd.logistic,
    )
    inputs = array(given["x"]), array(given["y"])
    state = path.discrete(inputs)
    close(state, [wanted["Xstar_1"], wanted["Xstar_2"]], 1e-12)
    close(path.errors(state, inputs), [-array(wanted[f"Ystar_{k}"]) for k in (1, 2)], 1e-12)
    close(path.forward(inputs[0]).activities[1:], [wanted["X2"]], 1e-12)


def test_golden_thesis_net():
    case = GOLDEN["thesis_bp_mlp"]
    weights = [array(case["inputs"][f"W{k}"]) for k in range(3)]
    biases = [jnp.zeros(len(w)) for w in weights]
    path = Pathway(weights, biases, output_activation=nd.tanh)
    inputs = array(case["inputs"]["x"]), array(case["inputs"]["y"])
    np.testing.assert_allclose(path.forward(inputs[0]).activities[-1], case["expected"]["output"])
    first, second, top = path.errors(path.discrete(inputs), inputs)
    np.testing.assert_allclose(
        -first, [-0.06873507542492761, 0.10624249857699603, -0.10147820864905928], atol=1e-14
    )
    np.testing.assert_allclose(-second, [-0.28177582872266427, 0.11336520471133044], atol=1e-14)
    np.testing.assert_allclose(-top, [-0.2655416149223363], atol=1e-14)


def test_top_error_of_softmax_is_target_minus_output():
    """[004 Eq 5, 8]: the sign of T − O, which the printed ∂E/∂S has not; [000 Eq 11]."""
    for case, s, y, wanted in (
        ("eq5_sign", "S", "T", "B"),
        ("fadjoint_softmax", "S", "y", "correct_dJ_dY"),
    ):
        golden = ADJOINT[case]
        logits, target = array(golden["inputs"][s]), array(golden["inputs"][y])
        path = Pathway([jnp.eye(3)], [jnp.zeros(3)], cost=nd.SoftmaxCrossEntropy())
        (error,) = path.errors(path.discrete((logits, target)), (logits, target))
        sign = 1 if wanted == "B" else -1
        np.testing.assert_allclose(error, sign * array(golden["expected"][wanted]), atol=1e-12)


# 2. Brackets


def test_golden_bracket():
    case = ADJOINT["fadjoint_eq13_bracket"]
    w, above, slope = (array(case["inputs"][k]) for k in ("W", "Xstar", "sigma_prime"))
    done = ForwardPass((jnp.zeros(2), jnp.zeros(2)), (jnp.ones(2), slope))
    way = ErrorFeedback()
    (prepared,) = way.prepare((w, w), done)
    np.testing.assert_allclose(
        way.signal(0, (above,), prepared), case["expected"]["correct"], atol=1e-14
    )
    wrong = np.asarray(w).T @ np.asarray(above) * np.asarray(slope)
    np.testing.assert_allclose(wrong, case["expected"]["misparsed"], atol=1e-14)


def test_the_other_bracketing_would_be_found():
    path = net(sizes=(64, 10, 10, 10))  # square, so that (Wᵗδ) ⊙ σ′ is no shape error
    h, slopes = forward(path, X)
    right = backpropagation(path, X, Y, h, slopes)
    wrong = np.asarray(path.weights[1]).T @ right[1] * slopes[1]
    assert np.abs(wrong - right[0]).max() > 0.1 * np.abs(right[0]).max()
    np.testing.assert_allclose(path.discrete(SAMPLE)[0], right[0], atol=1e-15)


# 3. On the way: closed forms of the relaxation


def taylor(path, ends, start, t):
    """e^{−t} Σ_j t^j/j! B_l … B_{l+j−1} e_{l+j}(0) + δ*, through matrices built in NumPy."""
    _, slopes = forward(path, X)
    down = [np.asarray(w).T * s for w, s in zip(path.weights[1:], slopes[1:], strict=True)]
    found = []
    for low in range(len(ends)):
        total, product, factor = np.zeros_like(ends[low]), np.eye(len(ends[low])), 1.0
        for j in range(len(ends) - low):
            total = total + factor * product @ (start[low + j] - ends[low + j])
            if low + j < len(down):
                product, factor = product @ down[low + j], factor * t / (j + 1)
        found.append(ends[low] + np.exp(-t) * total)
    return found


def test_layers_one_after_the_other_relax_as_a_bare_exponential():
    path = net(sequential=True)
    start = path.forward(SAMPLE[0]).activities  # X_~(0) = X [000 Eq 14]
    ts = [0.0, 0.5, 5.0]
    states = nd.integrate(path, start, SAMPLE, ts, rtol=1e-10, atol=1e-12, **SCIPY).states
    h, slopes = forward(path, X)
    for signal, first, end in zip(
        states, start, backpropagation(path, X, Y, h, slopes), strict=True
    ):
        law = end + np.exp(-np.array(ts))[:, None] * (np.asarray(first) - end)
        np.testing.assert_allclose(signal, law, atol=1e-9)


def test_layers_at_once_relax_as_a_jordan_block():
    path = net()
    start = random_state(path)
    h, slopes = forward(path, X)
    ends = backpropagation(path, X, Y, h, slopes)
    ts = [0.0, 0.7, 3.0]
    states = nd.integrate(path, start, SAMPLE, ts, rtol=1e-10, atol=1e-12).states
    for k, t in enumerate(ts):
        close([layer[k] for layer in states], taylor(path, ends, start, t), 1e-8)
    lone = ends[0] + np.exp(-3.0) * (np.asarray(start[0]) - ends[0])
    assert np.abs(lone - states[0][2]).max() > 0.05  # e^{−t} alone is not the law


def test_golden_layers_at_once():
    case = ADJOINT["fadjoint_parallel_relaxation"]
    given, wanted = case["inputs"], case["expected"]
    weights = (jnp.eye(3), *map(array, given["W"]))
    slopes = (jnp.ones(3), *map(array, given["sigma_prime"]))
    path = Pathway(weights, [jnp.zeros(3)] * 4, activation=nd.identity)
    top = array(given["XL_star"])
    drive = top, path.feedback.prepare(path.weights, ForwardPass(slopes, slopes))
    start = (*map(array, given["X"]), top)
    field = nd.Field(lambda t, s, x: path.flow(t, s, drive), state=start)
    end = nd.integrate(
        field, start, None, [0.0, given["T"]], rtol=1e-12, atol=1e-15, **SCIPY
    ).states
    for layer in (1, 2, 3):
        error = end[layer - 1][-1] - array(wanted[f"Xstar_{layer}"])
        np.testing.assert_allclose(error, wanted[f"error_at_T_layer{layer}"], atol=1e-12)


def test_euler_steps_of_one_are_the_algorithm_and_above_two_diverge():
    case = ADJOINT["fadjoint_euler"]
    start, end = array(case["inputs"]["X0"]), array(case["inputs"]["Xstar"])
    path = Pathway([jnp.eye(3)], [jnp.zeros(3)], sequential=True)

    def euler(h, n):
        state = start
        for _ in range(n):
            (slope,) = path.flow(0.0, (state,), (end,))
            state = state + h * slope
        return state

    np.testing.assert_allclose(euler(0.3, 20), case["expected"]["X_n"], atol=1e-12)
    np.testing.assert_allclose(euler(1.0, 1), end, atol=1e-16)
    assert np.abs(euler(1.9, 200) - end).max() < 1e-8
    assert np.abs(euler(2.1, 200) - end).max() > 1e7
    deep, state = net(), random_state(net())
    for steps in (1, 2, 3):  # at once, one layer is exact after each step of length one
        rate = deep(0.0, state, SAMPLE)
        state = tuple(s + r for s, r in zip(state, rate, strict=True))
        close(state[-steps:], deep.discrete(SAMPLE)[-steps:], 1e-14)
    assert np.abs(random_state(deep)[0] - state[0]).max() > 0.1


def test_stopping_early_biases_the_gradient_by_what_is_left():
    path = net(sequential=True)
    done = path.forward(SAMPLE[0])
    stop = 5.0
    end = nd.integrate(
        path, done.activities, SAMPLE, [0.0, stop], rtol=1e-11, atol=1e-13, **SCIPY
    ).states
    found = path.errors(tuple(layer[-1] for layer in end), SAMPLE)
    exact = path.errors(path.discrete(SAMPLE), SAMPLE)
    _, slopes = forward(path, X)
    for b, a, h, x, s in zip(
        found, exact, done.activities, path.discrete(SAMPLE), slopes, strict=True
    ):
        bias = np.exp(-stop) * (np.asarray(h) - np.asarray(x)) * s  # times x_{l−1}ᵗ
        np.testing.assert_allclose(a - b, bias, atol=1e-10)
        assert np.abs(bias).max() > 1e-4


def test_every_eigenvalue_is_minus_one_but_signals_may_swell_on_the_way():
    path = net(strength=0.7)
    steep = eqx.tree_at(lambda p: p.weights[-1], path, 10 * path.weights[-1])
    state = random_state(path, 4)
    lin = nd.linearise(steep, tuple(layer[0] for layer in state), SAMPLE)
    assert nd.kind_names(lin.kind) == "stable_node"
    np.testing.assert_allclose(lin.eigenvalues, -1.0, atol=1e-12)
    assert lin.symmetric_bound > 1  # distances grow first, and still the flow settles
    settled = nd.settle(steep, BATCH, state, tol=1e-10, method=CHEAP).require()
    close(settled.state, algorithm(steep, "exact"), 500 * 1e-10)


def test_a_flow_cut_short_is_not_settled():
    path = net(strength=0.7)
    short = nd.settle(path, BATCH, random_state(path, 4), tol=1e-10, max_time=3.0, method=CHEAP)
    assert short.counts() == {"timed_out": 4}


# 4. Facts of the schemes


def test_strength_scales_errors_alone():
    """μ of [000 Sec 5] is a learning rate; β of [002 Eq 5] is not, unless decoders are linear."""
    for feedback in MAPS:
        small, large = (net(feedback, strength=s).discrete(SAMPLE) for s in (1.0, 3.0))
        away = np.abs(3 * np.asarray(small[0]) - np.asarray(large[0])).max()
        assert (away < 1e-14) == (feedback in ("exact", "random", "skipped"))


def test_random_feedback_is_skipped_feedback_of_the_products_where_nets_are_linear():
    for activation, same in ((nd.identity, True), (nd.tanh, False)):
        path = net("random", activation=activation)
        products = [path.feedback.channel[0] @ path.feedback.channel[1], path.feedback.channel[1]]
        other = Pathway(
            path.weights,
            path.biases,
            ErrorFeedback("skipped", products),
            activation=activation,
        )
        away = [
            np.abs(a - b).max()
            for a, b in zip(path.discrete(SAMPLE), other.discrete(SAMPLE), strict=True)
        ]
        assert (away[0] < 1e-14) == same and away[1] < 1e-14


def test_random_feedback_through_transposes_is_backpropagation():
    path = net()
    way = ErrorFeedback("random", [w.T for w in path.weights[1:]])
    other = Pathway(path.weights, path.biases, way)
    close(path.discrete(SAMPLE), other.discrete(SAMPLE), 1e-15)


def invertible():
    """An 6-6-6-6 net of tanh layers with the exact inverse of each."""
    path = net(sizes=(6, 6, 6, 6), seed=3, output_activation=nd.tanh)

    def inverse(w, b):
        back = jnp.asarray(np.linalg.inv(w))
        return lambda target: back @ (jnp.arctanh(target) - b)

    decoders = [inverse(w, b) for w, b in zip(path.weights[1:], path.biases[1:], strict=True)]
    return path, decoders


def test_with_exact_inverses_the_difference_vanishes_and_targets_are_gauss_newton():
    """[002 Eq 9–11]: Δh_l/β → −J_f⁻¹ ∂C/∂h_L, the product running up from layer l."""
    path, decoders = invertible()
    x, y = SAMPLE[0][10:16], jnp.full(6, 0.1)
    slopes = path.forward(x).slopes
    h = [np.asarray(x), *map(np.asarray, path.forward(x).activities)]
    jacobians = [np.asarray(s)[:, None] * w for w, s in zip(path.weights, slopes, strict=True)]
    limit = -np.linalg.solve(jacobians[2] @ jacobians[1], h[-1] - np.asarray(y))
    other = -np.linalg.solve(jacobians[1] @ jacobians[2], h[-1] - np.asarray(y))
    off = []
    for beta in (1e-3, 5e-4):
        plain, difference = (
            Pathway(
                path.weights,
                path.biases,
                TargetFeedback(decoders, difference=d),
                strength=beta,
                output_activation=nd.tanh,
            ).discrete((x, y))
            for d in (False, True)
        )
        close(plain, difference, 1e-13)
        off.append((np.asarray(plain[0]) - h[1]) / beta - limit)
    order = np.log2(np.linalg.norm(off[0]) / np.linalg.norm(off[1]))
    assert order == pytest.approx(1.0, abs=0.05)  # of Δh/β; Δh itself is off by O(β²)
    assert np.linalg.norm(off[1]) < 0.05 * np.linalg.norm(limit - other)


def test_fixed_random_decoders_propagate_their_jacobians():
    """FW-DTP, [002 Eq 9, 10], which ask for no inverse."""
    beta, path = 1e-6, net("difference", strength=1e-6)
    h, _ = forward(path, X)
    wanted = -(h[-1] - Y)
    for g, above in zip(path.feedback.decoders[::-1], h[:1:-1], strict=True):
        slope = 1 / np.cosh(np.asarray(g.weights) @ above + np.asarray(g.bias)) ** 2
        wanted = slope * (np.asarray(g.weights) @ wanted)
    np.testing.assert_allclose((path.discrete(SAMPLE)[0] - h[1]) / beta, wanted, atol=1e-5)


def test_trained_linear_decoders_reconstruct_and_others_mislead_without_the_correction():
    """[002 Eq 7]: at the target, plain target propagation still moves by what g fails to invert."""
    path = net(sizes=(64, 8, 12))
    many = [forward(path, x)[0] for x in data.load("digits", samples=200).images]
    _, below, above = (np.stack(layer) for layer in zip(*many, strict=True))
    design = np.column_stack([above, np.ones(len(above))])
    fit = np.linalg.lstsq(design, below, rcond=None)[0]  # the minimiser of Eq 7 on these digits
    trained = Decoder(jnp.asarray(fit[:-1].T), jnp.asarray(fit[-1]), nd.identity)
    untrained = net("target", sizes=(64, 8, 12)).feedback.decoders[0]
    moved = {}
    for name, decoder in (("trained", trained), ("untrained", untrained)):
        for difference in (False, True):
            way = TargetFeedback([decoder], difference=difference)
            met = path.forward(SAMPLE[0]).activities[-1]  # the target is met: no error
            other = Pathway(path.weights, path.biases, way)
            errors = other.errors(other.discrete((SAMPLE[0], met)), (SAMPLE[0], met))
            moved[name, difference] = max(float(jnp.abs(e).max()) for e in errors)
    assert moved["trained", True] < 1e-15 and moved["untrained", True] < 1e-15
    assert moved["trained", False] < 0.2 * moved["untrained", False]


# 5. The rest of the spine, and refusals


@pytest.mark.slow
def test_signals_of_two_units_make_a_portrait():
    path = net(sizes=(3, 1, 1))
    inputs = jnp.array([1.0, 0.5, -1.0]), jnp.array([0.2])
    grid = nd.portrait(path, inputs, xlim=(-3, 3), ylim=(-3, 3), resolution=31)
    (point,) = grid.points
    np.testing.assert_allclose(point.position, np.ravel(path.discrete(inputs)), atol=1e-9)
    assert point.kind == "stable_node" and not grid.cycles and not grid.arcs


def test_one_layer_and_chosen_units():
    path = Pathway([jnp.eye(3)], [jnp.zeros(3)], cost=nd.SquaredError(units=(0, 2)))
    assert path.shapes()[1][1].shape == (2,)
    (signal,) = path.discrete((jnp.array([1.0, 2.0, 3.0]), jnp.array([0.0, 5.0])))
    assert signal.tolist() == [1.0, 0.0, -2.0]


@pytest.mark.parametrize("feedback", MAPS)
def test_float32_stays_float32(feedback):
    path = Pathway.init((5, 4, 3), feedback=feedback, key=jax.random.key(0), dtype=jnp.float32)
    inputs = jnp.ones(5, jnp.float32), jnp.zeros(3, jnp.float32)
    assert {layer.dtype for layer in path.discrete(inputs)} == {jnp.dtype("float32")}
    state = tuple(jnp.zeros(n, jnp.float32) for n in (4, 3))
    assert {layer.dtype for layer in path(0.0, state, inputs)} == {jnp.dtype("float32")}
    assert path.shapes()[0][0].dtype == jnp.float32 and path.sizes == (5, 4, 3)


W = (jnp.ones((3, 4)), jnp.ones((2, 3)))
B = (jnp.zeros(3), jnp.zeros(2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pathway((), ()), "weights is empty"),
        (
            lambda: Pathway((W[0], jnp.ones((2, 5))), B),
            r"weights\[1\] has shape \(2, 5\).*\(2, 3\)",
        ),
        (lambda: Pathway((W[0], jnp.ones(3)), B), r"weights\[1\] has shape \(3,\).*matrix"),
        (lambda: Pathway((jnp.ones((3, 4), int), W[1]), B), r"weights\[0\].*int.*floating"),
        (lambda: Pathway((jnp.ones((0, 4)),), (jnp.zeros(0),)), "no units"),
        (lambda: Pathway(W, B[:1]), "biases holds 1"),
        (lambda: Pathway(W, (B[0], jnp.zeros(3))), r"biases\[1\] has shape \(3,\).*\(2,\)"),
        (lambda: Pathway(W, (B[0], jnp.zeros(2, jnp.float32))), "one dtype"),
        (lambda: Pathway(W, B, strength=0.0), "strength is 0.0"),
        (lambda: Pathway(W, B, strength=float("inf")), "strength is inf"),
        (lambda: Pathway(W, B, ErrorFeedback("random")), "channel holds 0"),
        (lambda: Pathway(W, B, ErrorFeedback("exact", W[1:])), "channel holds 1"),
        (lambda: Pathway(W, B, ErrorFeedback("random", W[1:])), r"channel\[0\].*\(3, 2\)"),
        (lambda: Pathway(W, B, TargetFeedback(())), "decoders holds 0"),
        (lambda: Pathway(W, B, TargetFeedback((lambda z: z,))), r"decoders\[0\] returns.*\(3,\)"),
        (lambda: Pathway(W, B, TargetFeedback((lambda z: jnp.ones((3, 5)) @ z,))), "does not take"),
        (lambda: Pathway.init((4,), key=jax.random.key(0)), "two or more positive"),
        (lambda: Pathway.init((4, 0), key=jax.random.key(0)), "two or more positive"),
        (lambda: Decoder(jnp.ones((3, 2)), jnp.ones(2)), "bias"),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "fields",
    [{"activation": jnp.tanh}, {"output_activation": jax.nn.softmax}, {"cost": 1}, {"feedback": 1}],
)
def test_fields_of_another_kind_are_refused(fields):
    with pytest.raises(TypeError, match=next(iter(fields))):
        Pathway(W, B, **fields)


def test_unknown_feedback_is_named():
    # without the type checker of the tests, which knows the literals
    with pytest.raises((ValueError, TypeError), match="feedback"):
        Pathway.init((4, 3), feedback="backwards", key=jax.random.key(0))
    with pytest.raises((ValueError, TypeError), match=r"kind|feedback"):
        ErrorFeedback("backwards")
