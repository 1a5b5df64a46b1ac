"""The analyses of settling: their closed forms against second methods, and what they find."""

import math
import pathlib

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from matplotlib.figure import Figure

import neurodyn as nd
from neurodyn import data
from neurodyn.plot.gallery import settle_strip
from neurodyn.systems.catalogue import NETWORKS

FIGURES = pathlib.Path(__file__).parents[1] / "figures"


def verdicts(content: dict) -> list[str]:
    return [s["verdict"] for s in content["statements"] if s["verdict"] != "measured"]


# Relaxation of pathways


@pytest.fixture
def runs(analyses):
    return analyses("fadjoint_runs")


def digits(count: int = 2):
    found = data.load("digits", samples=count)
    return jnp.asarray(found.images), jnp.asarray(found.targets())


def test_the_jordan_block_is_the_exponential_of_the_jacobian(runs):
    """N against automatic differentiation of the flow, the law against SciPy's exponential."""
    inputs, ts = digits(), np.array([0.0, 0.5, 3.0])
    first = tuple(leaf[0] for leaf in inputs)
    for kind in ("exact", "skipped"):
        path = runs.net(kind)
        flat, unravel = jax.flatten_util.ravel_pytree(path.discrete(first))

        def flow(s, path=path, unravel=unravel):
            return jnp.concatenate(path(0.0, unravel(s), first))

        jacobian = np.asarray(jax.jacfwd(flow)(flat))
        n = runs.nilpotent(path, inputs)
        np.testing.assert_allclose(n[0] - np.eye(len(flat)), jacobian, atol=1e-14)
        start = np.random.default_rng(0).standard_normal((2, len(flat)))
        found = runs.law(n, start, runs.in_time(ts, runs.DEPTH))
        wanted = [scipy.linalg.expm(jacobian * t) @ start[0] for t in ts]
        np.testing.assert_allclose(found[0], wanted, atol=1e-12)
        short = runs.law(n, start, runs.in_time(ts, runs.DEPTH - 1))
        assert (np.abs(short - found).max() > 1e-3) == (kind == "exact")  # N² = 0 if skipped


def test_targets_have_no_such_law(runs):
    with pytest.raises(TypeError, match="not linear"):
        runs.nilpotent(runs.net("target"), digits())


@pytest.mark.parametrize("h", [0.5, 1.0, 2.1])
def test_factors_of_euler_steps_are_those_of_the_powers(runs, h):
    block = np.eye(4) * (1 - h) + h * np.eye(4, k=1)  # (1 − h) + hN of one chain of four
    found = runs.in_steps(h, 4)
    for n in (0, 1, 2, 5, runs.STEPS):
        wanted = np.linalg.matrix_power(block, n)[0]
        np.testing.assert_allclose(found[n], wanted, atol=1e-12 * np.abs(wanted).max())


def test_euler_steps_and_updates_of_one_layer_after_the_other(runs):
    inputs = digits()
    path = runs.net(sequential=True)
    begin = runs.activities(path, inputs)
    errors = runs.flat(runs.euler(path, begin, inputs, jnp.asarray(2.1)))
    errors = errors - runs.ends(path, inputs)[:, None]
    assert errors.shape == (2, runs.STEPS + 1, sum(runs.SIZES[1:]))
    np.testing.assert_allclose(errors[:, 7], (-1.1) ** 7 * errors[:, 0], atol=1e-13)
    exact = runs.gradients(path, inputs)
    assert runs.apart(runs.updates(path, jax.vmap(path.discrete)(inputs), inputs), exact) < 1e-14
    assert runs.apart(runs.updates(path, begin, inputs), exact) > 0.1  # not yet relaxed


@pytest.mark.slow
def test_fadjoint_settle(quick):
    content = quick("fadjoint_settle")
    assert verdicts(content) == ["reached", "not reached", "reached"]
    numbers = content["numbers"]
    assert max(numbers["laws"]["gaps"].values()) < 1e-12
    assert numbers["laws"]["sequential law, all at once"] > 0.1
    euler = numbers["euler"]
    assert max(euler["relative gap to the law"].values()) < 1e-13
    left = euler["error left after 40 steps"]
    assert left["sequential, h = 2.1"] == pytest.approx(1.1**40)
    assert left["sequential, h = 1.9"] == pytest.approx(0.9**40)
    assert euler["h = 1"]["at once, 1 step"] > 0.1 > 1e-14 > euler["h = 1"]["at once, 4 steps"]
    rows = numbers["ends"]
    assert max(row["gap to the algorithm"] for row in rows.values()) < 1e-13
    assert rows["exact"]["gap to the gradient"] < 1e-13
    assert all(row["gap to the gradient"] > 0.1 for k, row in rows.items() if k != "exact")
    assert numbers["stopped early"]["gap to the law"] < 1e-12 < numbers["stopped early"]["bias"]


# Lipschitz constants


@pytest.fixture
def nets(analyses):
    return analyses("lipschitz_runs")


def test_drawn_matrices_are_what_they_are_called(nets):
    rng = np.random.default_rng(1)
    skew, tied = nets.skew(7, 5.0, rng), nets.symmetric(7, 0.9, rng)
    assert (skew == -skew.T).all() and np.linalg.norm(skew, 2) == pytest.approx(5)
    assert (tied == tied.T).all() and not np.diag(tied).any()
    assert np.linalg.eigvalsh(tied)[-1] == pytest.approx(0.9) == np.linalg.norm(tied, 2)


def test_linear_nets_meet_their_closed_forms(nets):
    even = nets.skew(6, 3.0, np.random.default_rng(2))
    least = np.linalg.svd(even, compute_uv=False)[-1]
    assert nets.linear(even, nd.identity) == pytest.approx(1 / math.sqrt(1 + least**2))
    assert nets.linear(even, nets.DOUBLED) == pytest.approx(2 / math.sqrt(1 + 4 * least**2))
    assert nets.linear([[0, -2], [2, 0]], nd.identity) == pytest.approx(1 / math.sqrt(5))


def test_pairs_tell_skew_nets_from_symmetric_ones(nets):
    rng = np.random.default_rng(3)
    skew = nets.pairs(nets.skew(5, 5.0, rng), nd.tanh, 60, rng, 0.3)
    tied = nets.pairs(nets.symmetric(5, 0.9, rng), nd.tanh, 60, rng, 0.3)
    assert max(skew.ratio.max(), skew.local.max()) < 1 + 1e-8
    assert tied.ratio.max() > 1.5 and tied.local.max() > 5
    assert max(tied.ratio.max(), tied.local.max()) < 10  # the certificate, 1/(1 − 0.9)
    assert skew.distance.min() < 0.01 and skew.distance.max() > 5


def test_without_monotony_the_constant_grows_without_bound(nets):
    shares = np.array([0.5, 0.99])
    measured, exact = nets.two_units(nets.SHAPED["|u|"], shares)
    np.testing.assert_allclose(measured, 1 / (1 - shares), rtol=1e-8)
    np.testing.assert_allclose(measured, exact, rtol=1e-8)
    for name, shape in nets.SHAPED.items():  # the slopes there are the extreme ones
        slope = jax.vmap(jax.grad(shape.function))
        around = np.asarray(slope(jnp.linspace(-4, 4, 4001)))
        rise, fall = np.asarray(slope(jnp.array([shape.rise, shape.fall])))
        assert (around.max(), around.min()) == pytest.approx((rise, fall), abs=1e-5), name


@pytest.mark.slow
def test_dyadic_lipschitz(quick):
    content = quick("dyadic_lipschitz")
    assert verdicts(content) == ["reached", "reached", "not reached"]
    numbers = content["numbers"]
    assert (
        max(numbers["pairs"]["tanh"][k] for k in ("largest ratio", "largest local constant")) <= 1
    )
    assert 1 < numbers["pairs"]["tanh(2u)"]["largest local constant"] <= 2
    assert numbers["slope 2"] == pytest.approx(2)
    assert max(numbers["not monotone"]["|u|"]["measured"]) == pytest.approx(100, rel=1e-6)
    assert max(numbers["sharp"].values()) < 1e-12
    for sweep in numbers["digits"].values():
        assert sweep[0]["lam"] == 0 and sweep[0]["bound"] == pytest.approx(1)
        assert max(sweep[0]["local"], sweep[0]["pair"]) <= 1 < sweep[-1]["local"]
        bounded = [at for at in sweep if at["bound"] is not None]
        assert all(max(at["local"], at["pair"]) <= at["bound"] for at in bounded)
    assert numbers["dyads"]["gap"] < 1e-9


# The gallery


def test_a_strip_draws_what_it_is_given():
    ts, rng = np.linspace(0, 3, 7), np.random.default_rng(0)
    layers = [rng.standard_normal((7, 20)), rng.standard_normal((7, 4))]
    other = [layer + 1 for layer in layers]
    figure = Figure()
    strip = settle_strip(
        figure, ts, layers, 0.1**ts, tol=1e-3, second=other, onset=1.0, marked=2, title="net"
    )
    hidden, output, residual = strip
    assert len(hidden.collections[0].get_segments()) == 12 == len(hidden.lines) - 1
    first, twin = (
        np.asarray(line)[:, -1]
        for line in (hidden.collections[0].get_segments()[0], hidden.lines[1].get_xydata())
    )
    np.testing.assert_allclose(twin, first + 1)  # the second state of the same unit
    red, dashed = output.lines[-2:]
    np.testing.assert_array_equal(red.get_ydata(), layers[1][:, 2])
    np.testing.assert_array_equal(dashed.get_ydata(), other[1][:, 2])
    assert residual.get_yscale() == "log" and residual.lines[1].get_ydata()[0] == 1e-3
    assert figure.get_suptitle() == "net"


@pytest.mark.slow
def test_gallery(analyses, quick, tmp_path):
    gallery = analyses("systems_gallery")
    content = quick("systems_gallery")
    found = {path.stem for path in (tmp_path / "systems").glob("*.png")}
    assert found == set(gallery.QUICK) == set(content["numbers"])
    numbers = content["numbers"]
    assert all(set(row["verdict"].values()) == {"settled"} for row in numbers.values())
    five = gallery.digit(quick=True)
    assert five.labels.tolist() == [5]
    x, y = five.images[0], five.targets()[0]
    path = NETWORKS["backprop"].init((64, 16, 12, 10), activation=nd.tanh, key=jax.random.key(0))
    first, second, last = map(np.asarray, path.weights)
    output = last @ np.tanh(second @ np.tanh(first @ x))
    np.testing.assert_allclose(numbers["backprop"]["output"]["feedback"], output - y, atol=1e-5)
    free = numbers["dual-propagation"]["output"]["free"]
    np.testing.assert_allclose(free, np.tanh(output), atol=1e-4)
    nudged = numbers["leaky"]["output"]["nudged"]
    assert nudged[5] > numbers["leaky"]["output"]["free"][5]


def test_the_page_shows_every_system():
    page = (FIGURES / "systems.md").read_text("utf-8")
    for name in NETWORKS:
        picture = FIGURES / "systems" / f"{name}.png"
        assert f"(systems/{name}.png)" in page and picture.stat().st_size < 150_000
