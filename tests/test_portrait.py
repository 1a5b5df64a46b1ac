"""Phase portraits: fixed points and curves against closed forms, one label for each arc."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurodyn as nd
from neurodyn.systems.classic import PLANAR
from neurodyn.theory import Chain
from neurodyn.theory.plane import exact_curves

BOX = {"xlim": (-3.0, 3.0), "ylim": (-3.0, 3.0)}
ONES = {"alpha": 1.0, "beta": 1.0}

still = functools.partial(nd.portrait, cycles=False)  # what rests; cycles have their own tests


def plane(function) -> nd.Field:
    return nd.Field(lambda t, s, x: jnp.stack(function(s[0], s[1])), state=jnp.zeros(2))


@pytest.fixture(scope="module")
def chain() -> nd.Portrait:
    return still(nd.chain_flow(c=(1.0,), **ONES), **BOX)


def test_figure_11_has_one_label_for_each_arc(chain):
    kinds = sorted((arc.kind, bool(arc.points[0, 0] > 0)) for arc in chain.arcs)
    assert kinds == [("stable", False), ("stable", True), ("unstable", False)]
    assert chain.points == ()  # no point of a curve passes for an isolated one
    points = np.concatenate([arc.points for arc in chain.arcs])
    assert np.abs(points.prod(axis=1) - 1).max() < 1e-14  # on the hyperbola to rounding


def test_rounding_would_label_one_arc_in_several_ways(chain):
    """The eigenvalue along the curve is zero but for rounding, whose sign must not count."""
    flow = nd.chain_flow(c=(1.0,), **ONES)
    arc = next(a for a in chain.arcs if a.points[0, 0] > 0)
    jacobians = jax.vmap(jax.jacfwd(lambda s: flow(0.0, s, None)))(jnp.asarray(arc.points))
    naive = {tuple(np.sign(np.linalg.eigvals(j).real).tolist()) for j in np.asarray(jacobians)}
    assert len(naive) > 1
    assert arc.kind == "stable"


def test_transverse_eigenvalues_are_those_of_equation_33(chain):
    for arc in chain.arcs:
        a1, a2 = arc.points.T
        exact = -(a1**2 + a2)  # −β(a_1² + c_1 a_2)
        assert np.abs(arc.transverse - exact).max() < 1e-9
        inside = a2 < -(a1**2) - 1e-9  # the parabola of Fig 11
        assert inside.any() == (arc.kind == "unstable")


def test_the_arcs_meet_at_the_tangency(chain):
    assert np.abs(chain.semistable - [[-1.0, -1.0]]).max() < 1e-9
    ends = [end for arc in chain.arcs for end in (arc.points[0], arc.points[-1])]
    assert sum(np.abs(end + 1).max() < 1e-9 for end in ends) == 2


def test_the_separatrix_through_the_tangency_is_the_exact_orbit(chain):
    ways = {line.kind: line.points for line in chain.separatrices}
    assert set(ways) == {"stable", "unstable"}
    for points in ways.values():  # a_2 = a_1²/2 − 3/2
        assert np.abs(points[:, 1] - points[:, 0] ** 2 / 2 + 1.5).max() < 2e-5
    assert ways["stable"][-1, 0] < -3 and np.abs(ways["unstable"][-1] - [2, 0.5]).max() < 1e-3


@pytest.mark.parametrize("size", [2.0, 2.5, 3.0])
@pytest.mark.parametrize("resolution", [41, 100, 101])
def test_the_tangency_is_found_wherever_the_grid_points_lie(size, resolution):
    """In some of these a point of the curve lies on it exactly, where the eigenvalue is zero."""
    box = {"xlim": (-size, size), "ylim": (-size, size), "resolution": resolution}
    found = still(nd.chain_flow(c=(1.0,), **ONES), **box)
    assert np.abs(found.semistable - [[-1.0, -1.0]]).max() < 1e-9
    assert sorted(arc.kind for arc in found.arcs) == ["stable", "stable", "unstable"]


@pytest.mark.parametrize("c", [0.5, -2.0])
@pytest.mark.parametrize("alpha", [1.5, -0.7])
def test_signs_reflect_the_picture(c, alpha):
    beta = 1.3
    found = still(nd.chain_flow(c=(c,), alpha=alpha, beta=beta), **BOX)
    k = np.cbrt(c * alpha / beta)
    assert np.abs(found.semistable - [[-k, -(k**2) / c]]).max() < 1e-9
    assert sorted(arc.kind for arc in found.arcs) == ["stable", "stable", "unstable"]
    exact = exact_curves(Chain(c=(c,), alpha=alpha, beta=beta), BOX["xlim"], BOX["ylim"])
    boundary = np.array(exact["basin boundary (exact)"][0])
    incoming = next(line.points for line in found.separatrices if line.kind == "stable")
    C = -3 * k**2 / (2 * c)
    assert np.abs(incoming[:, 1] - incoming[:, 0] ** 2 / (2 * c) - C).max() < 1e-3
    orbit = boundary[np.abs(boundary[:, 0]) >= abs(k)]
    assert np.abs(orbit[:, 1] - orbit[:, 0] ** 2 / (2 * c) - C).max() < 1e-12


def test_alpha_zero_rests_on_the_axes():
    found = still(nd.chain_flow(c=(1.0,), alpha=0.0, beta=1.0), **BOX)
    points = np.concatenate([arc.points for arc in found.arcs])
    assert np.abs(points.prod(axis=1)).max() < 1e-12
    unstable = [arc.points for arc in found.arcs if arc.kind == "unstable"]
    assert len(unstable) == 1 and unstable[0][1:-1, 1].max() < 1e-3  # a_1 = 0, a_2 < 0
    assert {arc.kind for arc in found.arcs} == {"stable", "unstable"}


def test_c_zero_keeps_the_first_weight():
    found = still(nd.chain_flow(c=(0.0,), **ONES), **BOX)
    kinds = {arc.kind: arc.points for arc in found.arcs}
    assert sorted(arc.kind for arc in found.arcs) == ["neutral", "stable", "stable"]
    assert np.abs(kinds["neutral"][:, 0]).max() < 1e-12


def test_backpropagation_has_an_isolated_saddle():
    found = still(nd.chain_flow(c=(1.0,), feedback="exact", **ONES), **BOX)
    (origin,) = found.points
    assert origin.kind == "saddle" and np.abs(origin.position).max() < 1e-12
    assert np.allclose(sorted(origin.eigenvalues.real), [-1, 1], rtol=0, atol=1e-12)
    assert [arc.kind for arc in found.arcs] == ["stable", "stable"]
    for line in found.separatrices:  # a_2 = ∓a_1: the diagonals
        sign = -1 if line.kind == "stable" else 1
        assert np.abs(line.points[:, 1] - sign * line.points[:, 0]).max() < 1e-6


def test_a_line_at_rest_without_a_rate_is_judged_by_its_sides():
    """μ = 3: a_1 = 0 is at rest, attracts from the left and repels to the right [004 Eq 114]."""
    found = still(nd.power_chain_flow(3, 1.0, **ONES), **BOX)
    (line,) = [arc for arc in found.arcs if arc.kind == "semistable"]
    assert np.abs(line.points[:, 0]).max() < 1e-6 and np.ptp(line.points[:, 1]) > 5.9
    for orbit in found.separatrices:  # none is drawn through a curve at rest
        assert np.ptp(np.sign(orbit.points[:, 0][np.abs(orbit.points[:, 0]) > 0.05])) == 0


def test_a_ring_of_fixed_points_is_one_closed_arc():
    def ring(x, y):
        return [x * (1 - x * x - y * y), y * (1 - x * x - y * y)]

    found = still(plane(ring), xlim=(-2, 2), ylim=(-2, 2))
    (arc,) = found.arcs
    assert arc.kind == "stable" and np.allclose(arc.points[0], arc.points[-1])
    assert np.abs(np.hypot(*arc.points.T) - 1).max() < 1e-12
    assert np.abs(arc.transverse + 2).max() < 1e-9
    assert [p.kind for p in found.points] == ["unstable_node"]


def test_an_isolated_point_with_a_zero_eigenvalue_is_degenerate():
    found = still(plane(lambda x, y: [x**2, -y]), xlim=(-2, 2), ylim=(-2, 2))
    (point,) = found.points
    assert point.kind == "degenerate" and np.abs(point.position).max() < 1e-5
    assert found.arcs == ()


def test_a_curve_that_no_component_changes_its_sign_on_is_still_one_arc():
    def ring(x, y):
        pull = (1 - x * x - y * y) ** 2
        return [x * pull, y * pull]

    found = still(plane(ring), xlim=(-2, 2), ylim=(-2.3, 2))
    (arc,) = found.arcs
    assert arc.kind == "semistable"  # outwards on either side
    assert np.abs(np.hypot(*arc.points.T) - 1).max() < 1e-4 and len(arc.points) > 60
    assert [p.kind for p in found.points] == ["unstable_node"]


def test_a_point_without_first_order_is_degenerate():
    (point,) = still(plane(lambda x, y: [(x - 0.3) ** 2, (y - 0.1) ** 2]), **BOX).points
    assert point.kind == "degenerate" and np.abs(point.position - [0.3, 0.1]).max() < 1e-4


def test_all_roots_are_found_and_no_other():
    """x′ = sin πx, y′ = −y + x/2: the roots are (k, k/2), alternating in kind."""
    found = still(
        plane(lambda x, y: [jnp.sin(jnp.pi * x), -y + x / 2]), xlim=(-2.5, 2.5), ylim=(-2, 2)
    )
    at = np.array([p.position for p in found.points])
    k = np.arange(-2, 3)
    assert np.abs(at - np.stack([k, k / 2], axis=1)).max() < 1e-12
    assert [p.kind for p in found.points] == ["saddle" if i % 2 == 0 else "stable_node" for i in k]


def test_nullclines_lie_on_the_zeros_of_their_component():
    x2, y2 = still(
        plane(lambda x, y: [x * x + y * y - 1, y - x**3]), xlim=(-2, 2), ylim=(-2, 2)
    ).nullclines
    assert np.abs(np.hypot(*np.concatenate(x2).T) - 1).max() < 1e-12
    line = np.concatenate(y2)
    assert np.abs(line[:, 1] - line[:, 0] ** 3).max() < 1e-12


def test_a_network_with_inputs_and_a_tuple_state():
    net = nd.LayeredLeakyIntegrator(
        forward=(jnp.array([[0.7, -0.2]]), jnp.array([[0.5]])), feedback=(jnp.array([[0.4]]),)
    )
    x = jnp.array([1.0, 0.3])
    (point,) = still(net, x, xlim=(-2, 2), ylim=(-2, 2)).points
    settled = nd.settle(net, x, tol=1e-13).require().state
    assert np.abs(point.position - np.ravel(settled)).max() < 1e-12


def test_where_the_flow_is_not_defined_the_grid_says_nan():
    found = still(
        plane(lambda x, y: [jnp.log(x) - y, y - 1]), xlim=(-1, 4), ylim=(-1, 3), resolution=51
    )
    assert np.isnan(found.u[:, found.x < 0]).all() and np.isfinite(found.u[:, found.x > 0]).all()
    (point,) = found.points
    assert np.abs(point.position - [np.e, 1]).max() < 1e-12 and point.kind == "unstable_node"


def test_map_gives_a_scalar_on_the_grid(chain):
    flow = nd.chain_flow(c=(1.0,), **ONES)
    a1, a2 = np.meshgrid(chain.x, chain.y)
    exact = (a1**2 + a2) * (1 - a1 * a2)  # [004 Eq 25]
    assert np.abs(chain.map(flow.product_rate) - exact).max() < 1e-12
    assert np.abs(chain.speed - np.hypot(chain.u, chain.v)).max() == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"xlim": (3, -3)}, "xlim is .* the smaller one first"),
        ({"ylim": (1, 1)}, "ylim is"),
        ({"ylim": (0, float("nan"))}, "ylim is"),
        ({"xlim": (float("-inf"), 2)}, "xlim is"),
        ({"resolution": 3}, "resolution is 3"),
    ],
)
def test_empty_ranges_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        nd.portrait(nd.chain_flow(c=(1.0,), **ONES), **{**BOX, **change})


def test_fields_that_are_not_of_the_plane_are_refused():
    with pytest.raises(ValueError, match="moves 3 numbers"):
        nd.portrait(nd.chain_flow(c=(1.0, 2.0), **ONES), **BOX)
    pair = nd.LeakyIntegrator(weights=jnp.eye(2))
    with pytest.raises(ValueError, match="batch"):
        nd.portrait(pair, jnp.zeros((3, 2)), **BOX)
    small = nd.LeakyIntegrator(weights=jnp.eye(2, dtype=jnp.float32))
    with pytest.raises(ValueError, match="float64"):
        nd.portrait(small, jnp.zeros(2, jnp.float32), **BOX)
    with pytest.raises(ValueError, match="nowhere finite"):
        nd.portrait(plane(lambda x, y: [jnp.log(x), y]), xlim=(-2, -1), ylim=(0, 1))


CLASSICS = {  # kinds of the fixed points from left to right, and of the cycles
    "van-der-pol": (["unstable_focus"], {"stable"}),
    "lotka-volterra": (["saddle", "centre"], {"neutral"}),
    "fitzhugh-nagumo": (["unstable_focus"], {"stable"}),
    "hopfield": (["stable_node", "saddle", "stable_node"], set()),
    "wilson-cowan": (["unstable_focus"], {"stable"}),
    "hopf": (["unstable_focus"], {"stable"}),
    "duffing": (["stable_focus", "saddle", "stable_focus"], set()),
    "toggle-switch": (["stable_node", "saddle", "stable_node"], set()),
}


@pytest.mark.parametrize("name", CLASSICS)
def test_classic_systems_show_what_they_are_known_for(name):
    system = PLANAR[name]
    found = nd.portrait(nd.classic_field(name), xlim=system.xlim, ylim=system.ylim)
    kinds, cycles = CLASSICS[name]
    assert [p.kind for p in found.points] == kinds
    assert {cycle.kind for cycle in found.cycles} == cycles
    assert len(found.cycles) <= 1 or cycles == {"neutral"}  # one orbit is reported once
    saddles = kinds.count("saddle")
    assert len(found.separatrices) == 4 * saddles and not found.arcs
    ends = [p.position for p in found.points if p.kind.startswith("stable")]
    for line in found.separatrices:
        if line.kind == "unstable" and ends:  # out of the saddle, into one of the attractors
            size = np.array([np.ptp(found.x), np.ptp(found.y)])
            assert min(np.abs((line.points[-1] - end) / size).max() for end in ends) < 0.01


def test_a_flow_at_rest_on_a_region_is_refused():
    with pytest.raises(ValueError, match="at rest on a whole region"):
        nd.portrait(plane(lambda x, y: [jnp.maximum(x, 0), jnp.maximum(x, 0) * y]), **BOX)
    with pytest.raises(ValueError, match="at rest on a whole region"):
        nd.portrait(nd.chain_flow(c=(1.0,), alpha=0.0, beta=0.0), **BOX)


def test_a_ring_is_cut_only_where_its_kind_changes():
    """μ = (1, x)(r² − 4): across the ring the eigenvalue is 2x(1 + y), of four zeros on it."""

    def flow(t, s, x):
        rest = s @ s - 4
        return jnp.stack([rest, s[0] * rest])

    found = nd.portrait(nd.Field(flow, state=jnp.zeros(2)), xlim=(-3, 3), ylim=(-3, 3))
    assert sorted(arc.kind for arc in found.arcs) == ["stable", "stable", "unstable", "unstable"]
    assert len(found.semistable) == 4
    for arc in found.arcs:
        ends = arc.points[[0, -1]]
        assert np.abs(2 * ends[:, 0] * (1 + ends[:, 1])).max() < 1e-6
    # the orbit through (0, −2) is y = x²/2 − 2: inside the ring, from (−2, 0) to (2, 0)
    origins = [line.points for line in found.separatrices if line.points[0] @ [0, 1] < -1.99]
    assert len(origins) == 2
    for line in origins:
        assert np.abs(line[:, 1] - line[:, 0] ** 2 / 2 + 2).max() < 1e-5
        assert np.abs(np.abs(line[-1]) - [2, 0]).max() < 0.1
