"""Basins against exact boundaries, certified ends, and sets of fixed points of known shape."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import bistable, blow_up, cycle
from scipy.spatial import KDTree

import neurodyn as nd
from neurodyn.theory import Chain

UNTYPED = getattr(
    nd.basins, "__wrapped__", nd.basins
)  # as users have it, without the tests' type checks
CHAIN = nd.chain_flow(c=(1.0,), alpha=1.0, beta=1.0)
LEFT_AREA = 8 / 3 - np.log(2)  # of the left basin in [−2, 2]², by integration of the rule below


def goes_left(a: np.ndarray) -> np.ndarray:
    """The exact basin of the left branch of a1 a2 = 1, for c = α = β = 1."""
    x, y = a.T
    return ((x <= -1) & (y - x**2 / 2 <= -1.5)) | ((x > -1) & (x < 0) & (x * y > 1))


def to_boundary(a: np.ndarray) -> np.ndarray:
    """The distance to the boundary of that basin, a parabola and the arc that repels.

    Infinite from 0.1 on.
    """
    x = np.linspace(-12, -1, 200_001)
    u = np.linspace(-1, -1 / 12, 200_001)
    curve = np.concatenate([np.stack([x, x**2 / 2 - 1.5], 1), np.stack([u, 1 / u], 1)])
    return KDTree(curve).query(a, distance_upper_bound=0.1)[0]


def midpoints(side: int, half: float = 2.0) -> np.ndarray:
    centres = half * ((2 * np.arange(side) + 1) / side - 1)
    return np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)


def found_left(found: nd.Basins) -> np.ndarray:
    """Which starts went to the attractor on the left; there must be two, one on each side."""
    sides = [attractor.point[0] for attractor in found.attractors]
    assert len(sides) == 2 and min(sides) < 0 < max(sides)
    return found.label == int(np.argmin(sides))


def plane(f) -> nd.Field:
    return nd.Field(lambda t, s, x: jnp.stack(f(s[0], s[1])), state=jnp.zeros(2))


def pulled(x, radii):
    return x * jnp.prod(1 - jnp.sum(x**2) / radii**2)


RINGS = nd.Field(lambda t, s, x: pulled(s, x), state=jnp.zeros(2), inputs=jnp.zeros(3))
"""Circles of fixed points, attracting and repelling in turn; the centre repels."""


# Points


def test_two_points_share_the_plane_by_the_sign_of_the_sum():
    field, inputs, height = bistable()
    starts = midpoints(10, 3.0)
    starts = starts[np.abs(starts.sum(axis=1)) > 1e-9]
    found = nd.basins(field, starts, inputs)
    assert found.counts() == {0: 45, 1: 45} and set(found.verdict) == {"settled"}
    up = starts.sum(axis=1) > 0
    assert len(set(found.label[up])) == len(set(found.label[~up])) == 1
    exact = np.where(up, height, -height)
    np.testing.assert_allclose(found.end, np.stack([exact, exact], axis=1), atol=1e-7)
    for attractor in found.attractors:
        assert attractor.neutral == 0 and attractor.starts == 45 and attractor.residual <= 1e-8
        np.testing.assert_allclose(np.abs([attractor.low, attractor.high]), height, rtol=1e-7)


def test_the_saddle_between_them_belongs_to_neither():
    field, inputs, _ = bistable()
    found = nd.basins(field, jnp.array([[0.0, 0.0], [1.0, 1.0], [1.0, -1.0]]), inputs)
    assert found.label.tolist() == [-1, 0, -1]  # the last start runs into the saddle
    assert found.verdict.tolist() == ["unstable", "settled", "unstable"]
    np.testing.assert_allclose(found.end[[0, 2]], 0, atol=1e-7)
    assert found.counts() == {0: 1, -1: 2}
    alone = nd.basins(field, jnp.zeros((1, 2)), inputs)
    assert alone.verdict.tolist() == ["unstable"] and alone.attractors == ()


def test_points_closer_than_merge_are_one():
    field, inputs, height = bistable()
    starts = np.array([[1.0, 2.0], [-2.0, 1.0], [1.0, 1.0]])
    assert nd.basins(field, starts, inputs).counts() == {0: 2, 1: 1}
    assert nd.basins(field, starts, inputs, merge=2.9 * height).counts() == {0: 3}


def test_a_cycle_is_no_attractor_of_states():
    field, inputs, start = cycle()
    found = nd.basins(field, np.asarray(start) * [[1.0], [2.0], [5.0]], inputs, max_time=50.0)
    assert found.label.tolist() == [-1] * 3 and set(found.verdict) == {"timed_out"}
    assert np.isnan(found.end).all() and found.attractors == () and found.counts() == {-1: 3}
    np.testing.assert_allclose(found.time, 50.0)


def test_divergence_is_told():
    found = nd.basins(blow_up(), jnp.array([[0.0], [5.0]]))
    assert found.verdict.tolist() == ["diverged"] * 2 and found.counts() == {-1: 2}
    np.testing.assert_allclose(found.time, np.pi / 2 - np.arctan([0, 5]), atol=1e-4)


def test_a_lane_of_nan_spoils_no_other():
    field = nd.Field(lambda t, s, x: -jnp.log(s), state=jnp.zeros(1))  # NaN below 0, rests at 1
    starts = np.array([[0.5], [-1.0], [3.0], [1.0]])
    found, alone = nd.basins(field, starts), nd.basins(field, starts[[0, 0, 2, 3]])
    assert found.verdict.tolist() == ["settled", "diverged", "settled", "settled"]
    assert found.label.tolist() == [0, -1, 0, 0] and np.isnan(found.end[1]).all()
    np.testing.assert_array_equal(found.end[[0, 2, 3]], alone.end[[0, 2, 3]])
    np.testing.assert_allclose(found.end[[0, 2, 3]], 1, atol=1e-8)


def test_out_of_steps_is_told():
    found = nd.basins(CHAIN, midpoints(4), method=nd.Relax(max_steps=2))
    assert set(found.verdict) == {"out_of_steps"} and np.isnan(found.end).all()


# Curves and surfaces


def test_the_chain_on_a_grid_against_the_exact_rule():
    starts = midpoints(46)
    found = nd.basins(CHAIN, starts)
    clear = to_boundary(starts) > 1e-4
    assert clear.sum() >= len(starts) - 2
    np.testing.assert_array_equal(found_left(found)[clear], goes_left(starts)[clear])
    assert set(found.verdict[clear]) == {"settled"}
    np.testing.assert_allclose(found.end[clear].prod(axis=1), 1, atol=3e-8)
    invariant = starts[:, 1] - starts[:, 0] ** 2 / 2
    left = found.end[:, 1] - found.end[:, 0] ** 2 / 2
    np.testing.assert_allclose(left, invariant, atol=1e-4)
    assert [attractor.neutral for attractor in found.attractors] == [1, 1]


def test_few_ends_far_apart_still_lie_on_their_branch():
    starts = midpoints(10, 5.0)
    found = nd.basins(CHAIN, starts)
    clear = to_boundary(starts) > 1e-2
    np.testing.assert_array_equal(found_left(found)[clear], goes_left(starts)[clear])
    right = max(found.attractors, key=lambda attractor: attractor.point[0])
    assert right.high[0] > 4 and right.low[0] < 0.25


def test_the_repelling_arc_lies_in_no_basin():
    starts = np.array([[-0.5, -2.0], [-0.25, -4.0], [-0.8, -1.25], [-2.0, -0.5], [0.5, 2.0]])
    found = nd.basins(CHAIN, starts)
    assert found.verdict.tolist() == ["unstable"] * 3 + ["settled"] * 2
    assert found.label.tolist() == [-1, -1, -1, 0, 1]  # the left branch has the earlier start
    np.testing.assert_array_equal(found.end, starts)
    assert not found.time.any()


def test_the_tangency_is_approached_too_slowly_to_settle():
    method = nd.Relax(accuracy=1e-12)
    found = nd.basins(CHAIN, np.array([[-2.0, 0.5]]), tol=1e-9, method=method)
    assert found.verdict.tolist() == ["timed_out"] and found.label.tolist() == [-1]


@pytest.mark.slow
@pytest.mark.parametrize("factors", [("1", "1"), ("1/2", "-3/2")])
def test_longer_chains_end_where_the_certificate_says(factors):
    rng = np.random.default_rng(4)
    starts = [[Fraction(int(k), 8) for k in row] for row in rng.integers(-16, 17, (24, 3))]
    chain = Chain(c=factors, alpha=1, beta=1)
    limits = [chain.limit([str(a) for a in start]) for start in starts]
    flow = nd.chain_flow([float(Fraction(c)) for c in factors], 1.0, 1.0)
    fast = np.array([limit.kind == "stable" and bool(limit.rate_n() < -1e-2) for limit in limits])
    found = nd.basins(
        flow, np.array(starts, float), tol=1e-9, method=nd.Relax(accuracy=1e-9), max_time=1e4
    )
    exact = np.array([[float(w) for w in limit.n(17)] for limit in limits])
    assert fast.sum() >= 20 and set(found.verdict[fast]) == {"settled"}
    np.testing.assert_allclose(found.end[fast], exact[fast], rtol=1e-6, atol=1e-6)
    assert {attractor.neutral for attractor in found.attractors} == {2}
    octants = [np.unique(np.sign(found.end[found.label == k]), axis=0) for k in range(2)]
    assert all(len(signs) == 1 for signs in octants)  # no sheet is joined to another


@pytest.mark.parametrize("count", [12, 300])
def test_a_circle_is_one_attractor(count):
    starts = np.random.default_rng(count).uniform(-1.5, 1.5, (count, 2))
    found = nd.basins(RINGS, starts, jnp.array([1.0, 3.0, 4.0]))
    assert found.counts() == {0: count} and found.attractors[0].neutral == 1
    np.testing.assert_allclose(np.linalg.norm(found.end, axis=1), 1, atol=1e-8)


def test_two_circles_are_two_and_the_one_between_them_repels():
    angle = np.linspace(0, 6, 240)
    radius = np.tile([0.3, 0.9, 1.0, 1.1, 1.29, 1.31, 1.5, 2.0], 30)
    starts = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    found = nd.basins(RINGS, starts, jnp.array([1.0, 1.3, 1.6]))
    assert found.counts() == {0: 150, 1: 90}
    np.testing.assert_array_equal(found.label, radius > 1.3)


def test_a_sphere_is_one_attractor():
    field = nd.Field(lambda t, s, x: s * (1 - jnp.sum(s**2)), state=jnp.zeros(3))
    starts = np.random.default_rng(0).standard_normal((80, 3))
    found = nd.basins(field, starts)
    assert found.counts() == {0: 80} and found.attractors[0].neutral == 2


def test_a_stretch_that_repels_parts_a_line():
    field = plane(lambda x, y: [0 * x, -(x**2 - 0.01) * y])
    x = np.concatenate([np.linspace(-2, -0.2, 9), np.linspace(0.3, 2, 5)])
    found = nd.basins(field, np.stack([x, 0.1 * np.ones_like(x)], axis=1), max_time=1e4)
    np.testing.assert_array_equal(found.label, x > 0)
    assert [attractor.neutral for attractor in found.attractors] == [1, 1]


# The way it is done


def test_layers_are_flattened_in_their_order():
    example = (jnp.zeros(3), jnp.zeros((2, 1)))
    field = nd.Field(
        lambda t, s, x: jax.tree.map(jnp.subtract, x, s), state=example, inputs=example
    )
    inputs = (jnp.arange(3.0), jnp.array([[5.0], [-7.0]]))
    found = nd.basins(field, (jnp.ones((4, 3)), jnp.zeros((4, 2, 1))), inputs)
    assert found.counts() == {0: 4} and found.end.shape == (4, 5)
    np.testing.assert_allclose(found.end, [[0, 1, 2, 5, -7]] * 4, atol=1e-8)


class Another(nd.AbstractMethod):
    """`Relax` by another name: settled in chunks, not as an ensemble."""

    relax: nd.Relax = nd.Relax(accuracy=1e-6)

    def settle_one(self, field, state, drive, tol, max_time):
        return self.relax.settle_one(field, state, drive, tol, max_time)


@settings(max_examples=8)
@given(count=st.integers(1, 17), seed=st.integers(0, 9999))
def test_neither_chunks_nor_lanes_change_anything(count, seed):
    starts = np.random.default_rng(seed).uniform(-2, 2, (count, 2))
    found, whole = nd.basins(CHAIN, starts, chunk=8, method=Another()), nd.basins(CHAIN, starts)
    np.testing.assert_array_equal(found.label, whole.label)
    np.testing.assert_array_equal(found.verdict, whole.verdict)
    np.testing.assert_allclose(found.end, whole.end, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.time, whole.time, rtol=1e-5)


def test_progress_goes_to_stderr_only(capsys):
    nd.basins(CHAIN, midpoints(2), progress=True)
    told = capsys.readouterr()
    assert not told.out and "settling" in told.err


def test_float32_is_enough_for_a_loose_tolerance():
    flow = nd.ChainFlow(*(jnp.asarray(v, jnp.float32) for v in ([1.0], 1.0, 1.0, 1.0)))
    starts = midpoints(10)
    found = nd.basins(flow, starts.astype(np.float32), tol=1e-5)
    clear = to_boundary(starts) > 1e-2
    np.testing.assert_array_equal(found_left(found)[clear], goes_left(starts)[clear])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"starts": None}, ValueError, "starts is None"),
        ({"starts": np.zeros(2)}, ValueError, "starts is a single state"),
        ({"starts": np.zeros((0, 2))}, ValueError, "batch is empty"),
        ({"starts": np.zeros((4, 3))}, ValueError, r"starts has shape \(4, 3\)"),
        ({"starts": np.array([[0.0, np.nan]])}, ValueError, "starts holds NaN"),
        ({"starts": np.zeros((4, 2), int)}, TypeError, "starts has dtype int"),
        ({"inputs": np.zeros(3)}, ValueError, "inputs must be None"),
        ({"tol": 0.0}, ValueError, "tol=0"),
        ({"max_time": -1.0}, ValueError, "max_time is -1"),
        ({"merge": 0.0}, ValueError, "merge is 0"),
        ({"chunk": 0}, ValueError, "chunk is 0"),
    ],
)
def test_refusals(change, error, words):
    given = {"flow": CHAIN, "starts": np.zeros((4, 2)), "inputs": None} | change
    with pytest.raises(error, match=words):
        UNTYPED(**given)


def test_inputs_of_a_batch_are_refused():
    field, _, _ = bistable()
    with pytest.raises(ValueError, match="inputs hold a batch"):
        nd.basins(field, np.zeros((4, 2)), jnp.zeros((4, 2)))


@pytest.mark.slow
def test_a_hundred_thousand_starts_against_the_exact_rule_and_area():
    count = 100_000
    starts = np.random.default_rng(7).uniform(-2, 2, (count, 2))
    found = nd.basins(CHAIN, starts)
    left, clear = found_left(found), to_boundary(starts) > 1e-5
    assert clear.sum() > 0.9999 * count
    np.testing.assert_array_equal(left[clear], goes_left(starts)[clear])
    assert set(found.verdict[clear]) == {"settled"}
    share = LEFT_AREA / 16
    assert abs(16 * left.mean() - LEFT_AREA) < 4 * 16 * np.sqrt(share * (1 - share) / count)
    # on a grid only cells that the boundary cuts can be miscounted, two for each cell side of it
    side = 200
    grid = found_left(nd.basins(CHAIN, midpoints(side)))
    cell, length = 4 / side, 6.0
    assert abs(16 * grid.mean() - LEFT_AREA) < cell**2 * 2 * length / cell
