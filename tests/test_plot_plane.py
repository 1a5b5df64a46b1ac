"""Phase portraits drawn from hand-made ones: what is shown, how it is told apart, and where."""

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import AsinhNorm, LogNorm, to_hex
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from neurodyn import plot
from neurodyn.cycles import Cycle
from neurodyn.plot import background, resting
from neurodyn.portrait import FixedArc, FixedPoint, Portrait, Separatrix

mpl.use("Agg")

LINE = np.stack([np.linspace(-1, 1, 20), np.linspace(-1, 1, 20) ** 2], axis=1)


def circle(radius: float) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 60)
    return radius * np.stack([np.cos(t), np.sin(t)], axis=1)


def hand_made(**parts) -> Portrait:
    """x′ = y, y′ = −x on [−2, 2]², with nothing in it but `parts`."""
    axis = np.linspace(-2, 2, 21)
    x, y = np.meshgrid(axis, axis)
    nothing = {
        "nullclines": ((), ()),
        "points": (),
        "arcs": (),
        "semistable": np.empty((0, 2)),
        "separatrices": (),
        "cycles": (),
    }
    return Portrait(**({"x": axis, "y": axis, "u": y, "v": -x} | nothing | parts))


def everything() -> Portrait:
    arcs = [
        FixedArc(LINE + np.array([0, k / 3]), np.ones(20), kind)
        for k, kind in enumerate(resting.ARC)
    ]
    places = np.stack([np.linspace(-1.8, 1.8, 7), np.full(7, -1.5)], axis=1)
    points = zip(resting.POINT, places, strict=True)
    return hand_made(
        nullclines=((np.array([[-2.0, 0], [2, 0]]),), (np.array([[0.0, -2], [0, 2]]),)),
        points=tuple(FixedPoint(at, kind, np.zeros(2, complex)) for kind, at in points),
        arcs=tuple(arcs),
        semistable=np.array([[0.5, 0.5]]),
        separatrices=(Separatrix(LINE - 0.5, "stable"), Separatrix(LINE - 0.7, "unstable")),
        cycles=tuple(
            Cycle(circle(r), 6.3, 1.0, kind)
            for r, kind in ((1.0, "stable"), (1.3, "unstable"), (1.6, "neutral"))
        ),
    )


@pytest.fixture
def ax():
    with plot.style():
        figure, ax = plt.subplots(figsize=(3.4, 3.4), layout="constrained")
        yield ax
    plt.close(figure)


def legend(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_legend_names_what_was_drawn_and_nothing_else(ax):
    arc = FixedArc(LINE, np.full(20, -1.0), "stable")
    plot.portrait(ax, hand_made(arcs=(arc,)), title="A flow")
    assert legend(ax) == ["stable fixed points"] and ax.get_title() == "A flow"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a₁", "a₂")
    assert ax.get_xlim() == (-2, 2) and ax.get_ylim() == (-2, 2)


def test_with_nothing_to_name_there_is_no_legend(ax):
    drawn = plot.portrait(ax, hand_made(), colour=None)
    assert ax.get_legend() is None and len(ax.figure.axes) == 1  # and no colour bar
    assert len(drawn["streamlines"].lines.get_segments()) > 10


def test_every_part_is_drawn_with_its_own_numbers(ax):
    grid = everything()
    drawn = plot.portrait(ax, grid, labels=("x", "y"))
    for arc, lines in zip(grid.arcs, drawn["arcs"], strict=False):
        np.testing.assert_array_equal(lines.get_segments()[0], arc.points)
    for point, mark in zip(grid.points, drawn["points"], strict=True):
        np.testing.assert_array_equal(mark.get_xydata(), [point.position])
    for tail, lines in zip(grid.separatrices, drawn["separatrices"], strict=True):
        np.testing.assert_array_equal(lines.get_segments()[0], tail.points)
    for cycle, lines in zip(grid.cycles, drawn["cycles"], strict=True):
        np.testing.assert_array_equal(lines.get_segments()[0], cycle.points)
    for lines, mark in zip(grid.nullclines, drawn["nullclines"], strict=True):
        np.testing.assert_array_equal(mark.get_segments()[0], lines[0])
    assert {"x′ = 0", "y′ = 0", "semistable point", "saddle", "neutral cycle"} <= set(legend(ax))


def test_parts_can_be_left_out(ax):
    drawn = plot.portrait(ax, everything(), nullclines=False, separatrices=False, legend=False)
    assert drawn["nullclines"] == drawn["separatrices"] == [] and ax.get_legend() is None


def test_filled_attracts_and_open_repels(ax):
    marks = plot.portrait(ax, everything())["points"]
    face = {m.get_label(): to_hex(m.get_markerfacecolor()) for m in marks}
    assert face["stable node"] == face["stable focus"] == plot.BLUE.lower()
    assert face["unstable node"] == face["unstable focus"] == face["saddle"] == "#ffffff"
    assert plot.portrait(ax, everything())["arcs"][-1].get_fillstyle() == "left"  # semistable


def test_no_two_kinds_differ_by_colour_alone(ax):
    drawn = plot.portrait(ax, everything())
    for lines in (drawn["arcs"][:-1], drawn["separatrices"], drawn["cycles"][:2]):
        dashes = [str(line.get_linestyle()) for line in lines]
        assert len(set(dashes)) == len(dashes)
    forms = [(m.get_marker(), to_hex(m.get_markerfacecolor())) for m in drawn["points"]]
    assert len(set(forms)) == 7
    plain = [(m.get_marker(), m.get_markerfacecolor() == "white") for m in drawn["points"]]
    assert len(set(plain)) == 7  # without the colours, too


def test_nullclines_that_are_at_rest_are_drawn_as_such(ax):
    arc = FixedArc(LINE, np.full(20, -1.0), "stable")
    other = np.array([[0.0, -2], [0, 2]])
    grid = hand_made(arcs=(arc,), nullclines=((LINE,), (LINE, other)))
    drawn = plot.portrait(ax, grid)
    assert legend(ax) == ["a₂′ = 0", "stable fixed points"]
    np.testing.assert_array_equal(drawn["nullclines"][0].get_segments(), [other])


def test_of_a_family_of_cycles_a_few_are_drawn(ax):
    family = tuple(Cycle(circle(r), 6.3, 1.0, "neutral") for r in np.linspace(0.1, 3, 20))
    (drawn,) = plot.portrait(ax, hand_made(cycles=family))["cycles"]
    radii = [segment[0, 0] for segment in drawn.get_segments()]
    inside = [r for r in np.linspace(0.1, 3, 20) if r <= 2]
    assert len(radii) == resting.FAMILY and radii == sorted(radii)
    assert (radii[0], radii[-1]) == (inside[0], inside[-1])
    assert len([t for t in ax.texts if t.arrow_patch]) == resting.FAMILY  # the way round


def test_points_outside_the_box_are_not_drawn_on_the_margin(ax):
    points = [FixedPoint(np.array([x, 0.0]), "centre", np.zeros(2, complex)) for x in (0.0, 5.0)]
    (drawn,) = plot.portrait(ax, hand_made(points=tuple(points)))["points"]
    np.testing.assert_array_equal(drawn.get_xydata(), [[0, 0]])


def test_speed_has_a_logarithmic_scale(ax):
    lines = plot.streamlines(ax, hand_made()).lines
    assert isinstance(lines.norm, LogNorm) and 0 < lines.norm.vmin < lines.norm.vmax
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "speed |μ|"


def test_a_signed_scalar_has_a_diverging_scale_about_zero(ax):
    grid = hand_made()
    rate = np.sinh(4 * np.add.outer(0 * grid.y, grid.x))
    lines = plot.streamlines(ax, grid, colour=rate, colour_label="dP/dt").lines
    assert isinstance(lines.norm, AsinhNorm) and lines.norm(0.0) == pytest.approx(0.5)
    assert ax.figure.axes[1].get_ylabel() == "dP/dt"
    middles = np.array([segment.mean(axis=0) for segment in lines.get_segments()])
    far = np.abs(middles[:, 0]) > 0.3
    np.testing.assert_array_equal(np.sign(lines.get_array())[far], np.sign(middles[far, 0]))


def test_nothing_flows_where_the_field_or_the_scalar_is_undefined(ax):
    grid = hand_made()
    hole = np.broadcast_to(grid.x > 0.5, grid.u.shape)
    for holed, colour in (
        (hand_made(u=np.where(hole, np.nan, grid.u)), "speed"),
        (grid, np.where(hole, np.nan, grid.speed)),
    ):
        lines = plot.streamlines(ax, holed, colour=colour).lines
        corners = np.array(lines.get_segments())
        assert len(corners) > 10 and corners[..., 0].max() <= 0.5 + 0.2  # a cell


@pytest.mark.parametrize(
    ("norm", "ticks"),
    [
        (LogNorm(0.02, 30), [0.1, 1, 10]),
        (LogNorm(0.5, 8), [0.5, 1, 2, 5]),
        (AsinhNorm(0.5, -30, 30), [-10, -1, 0, 1, 10]),
        (AsinhNorm(15, -30, 30), [-10, 0, 10]),
    ],
)
def test_ticks_are_round_numbers_apart_from_each_other(norm, ticks):
    assert background._ticks(norm) == pytest.approx(ticks)


@pytest.mark.parametrize("scale", [1e-7, 1e-2, 1.0, 13.0, 1e8])
def test_any_size_of_flow_gets_its_ticks(scale):
    sizes = scale * np.abs(np.sin(np.arange(400.0))).reshape(20, 20)
    for values in (sizes, sizes - sizes.mean()):
        norm, _ = background._scale(values)
        ticks = background._ticks(norm)
        assert len(ticks) >= 3 and norm.vmin <= ticks[0] and ticks[-1] <= norm.vmax
        assert np.diff([float(norm(tick)) for tick in ticks]).min() > 0.05


def test_numbers_far_from_one_are_powers_of_ten():
    told = [background._in_words(t) for t in (0.0, -10.0, 0.001, 3e5, -1e-6, 2e-5)]
    assert told == ["0", "−10", "0.001", r"$3\cdot10^{5}$", "−$10^{-6}$", r"$2\cdot10^{-5}$"]


def test_a_flow_at_rest_everywhere_is_drawn_all_the_same(ax):
    still = np.zeros((21, 21))
    plot.portrait(ax, hand_made(u=still, v=still))
    ax.figure.canvas.draw()


def test_trajectories_from_ring_to_cross(ax):
    paths = [LINE, circle(1.0)]
    lines, rings, crosses = plot.trajectories(ax, paths, [LINE[-1], None])
    assert [len(segment) for segment in lines.get_segments()] == [20, 60]
    np.testing.assert_array_equal(rings.get_xydata(), [LINE[0], [1, 0]])
    np.testing.assert_array_equal(crosses.get_xydata(), [LINE[-1]])
    plot.portrait(ax, hand_made())
    assert legend(ax) == ["start", "end"]
    assert len(plot.trajectories(ax, paths)) == 2  # no ends, no crosses
    assert plot.trajectories(ax, []) == []


def test_exact_curves_by_name(ax):
    drawn = plot.exact_curves(
        ax, {"dP/dt = 0": [LINE, LINE + 1], "basin boundary": [], "b": [LINE]}
    )
    assert [line.get_label() for line in drawn] == ["dP/dt = 0", "b"]
    assert len(drawn[0].get_segments()) == 2
    assert str(drawn[0].get_linestyle()) != str(drawn[1].get_linestyle())


def test_basins_lie_below_everything_and_hatch_what_has_none(ax):
    grid = hand_made()
    label = np.where(np.add.outer(grid.y, grid.x) > 0, 1, 0)
    label[0, :3] = -1
    area, hatched, *edges = plot.basins(ax, grid.x, grid.y, label)
    plot.portrait(ax, grid)
    assert max(artist.get_zorder() for artist in (area, hatched, *edges)) < 0
    colours = area.cmap(area.norm(np.array([-1, 0, 1])))
    wanted = [background.NOWHERE, *background.BASINS[:2]]
    assert [to_hex(c).upper() for c in colours] == wanted
    assert hatched.hatches == ["////"] and legend(ax) == ["in no basin"] and len(edges) == 2


def test_one_basin_needs_no_hatching_and_no_edge(ax):
    grid = hand_made()
    assert len(plot.basins(ax, grid.x, grid.y, np.zeros((21, 21), int))) == 1


def test_texts_stay_apart_and_the_legend_hides_no_data(ax):
    plot.trajectories(ax, [LINE], [LINE[-1]])
    plot.portrait(ax, everything(), title="Everything that there is")
    ax.figure.canvas.draw()
    named = ax.get_legend().get_window_extent()
    assert named.y0 >= ax.bbox.y1
    texts = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_legend().get_texts()]
    for panel in ax.figure.axes:
        texts += [t for axis in (panel.xaxis, panel.yaxis) for t in axis.get_ticklabels()]
    texts.append(ax.figure.axes[1].yaxis.label)
    boxes = [t.get_window_extent() for t in texts if t.get_visible() and t.get_text()]
    page = ax.figure.bbox
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    for box in boxes:
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_the_same_picture_byte_for_byte(tmp_path, suffix):
    grid = everything()
    label = np.where(np.add.outer(grid.y, grid.x) > 0, 1, -1)
    for name in ("one", "two"):
        with plot.style(), plot.page(tmp_path / (name + suffix), (3.4, 3.4)) as figure:
            ax = figure.subplots()
            plot.basins(ax, grid.x, grid.y, label)
            plot.exact_curves(ax, {"exact": [LINE]})
            plot.trajectories(ax, [LINE], [LINE[-1]])
            plot.portrait(ax, grid)
    one, two = ((tmp_path / (name + suffix)).read_bytes() for name in ("one", "two"))
    assert one == two and len(one) > 10_000


def test_three_weights_in_space(tmp_path):
    corners = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0.0, 0, 1], [1, 0, 1], [0, 1, 1]]])
    path = np.linspace([0.0, 0, 0], [4.0, 1, 1], 9)
    for name in ("one.svg", "two.svg"):
        with plot.style(), plot.page(tmp_path / name, (3.4, 3.4)) as figure:
            ax = figure.add_subplot(projection="3d")
            drawn = plot.portrait_3d(
                ax,
                [path, path / 4],
                [path[-1], path[-1] / 4],
                surface=(corners, np.array([-1.0, 2.0])),
                size=2.0,
                title="Space",
            )
            assert legend(ax) == ["α = βP, attracts", "α = βP, repels", "start", "end"]
    attracts, repels = drawn["surface"]
    assert isinstance(attracts, Poly3DCollection) and to_hex(repels.get_edgecolor()[0]) == "#d55e00"
    x, _, _ = drawn["paths"][0].get_data_3d()
    np.testing.assert_array_equal(np.isnan(x), path[:, 0] > 2)  # cut at the box
    x, _, _ = drawn["ends"].get_data_3d()
    assert np.isnan(x[0]) and x[1] == 1
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_space_without_a_surface_or_an_end():
    figure = plt.figure()
    ax = figure.add_subplot(projection="3d")
    drawn = plot.portrait_3d(ax, [np.zeros((2, 3))], [None], size=1.0)
    assert drawn["surface"] == [] and "ends" not in drawn and legend(ax) == ["start"]
    plt.close(figure)
