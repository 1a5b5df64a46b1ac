"""Pictures: the artists hold the numbers that were given, labelled, and the same every time."""

import jax.numpy as jnp
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from problems import cycle, random_net

import neurodyn as nd
from neurodyn import plot

mpl.use("Agg")


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def labelled(ax) -> bool:
    return bool(ax.get_xlabel() and ax.get_ylabel())


def test_every_picture_and_colour_is_found_in_the_package():
    colours = {"BLUE", "ORANGE", "GREEN", "RED", "SKY", "PURPLE", "BLACK", "GREY"}
    settling = {"layer_traces", "residuals", "outputs", "spectrum", "phase_plane", "projection"}
    portraits = {"portrait", "portrait_3d", "basins", "trajectories", "exact_curves", "streamlines"}
    pages = {"STYLE", "TIME", "Values", "style", "page", "settle_overview"}
    assert colours | settling | portraits | pages <= set(dir(plot))
    assert plot.BLUE == "#0072B2" and len({getattr(plot, name) for name in colours}) == 8


def test_the_title_stands_above_the_legend(ax):
    plot.outputs(ax, np.array([0.2, 0.4]), np.array([0.1, 0.5]), np.array([0.0, 1.0]))
    ax.figure.canvas.draw()
    legend, title = (part.get_window_extent() for part in (ax.get_legend(), ax.title))
    assert ax.bbox.y1 <= legend.y0 < legend.y1 <= title.y0


def test_layer_traces_span_the_range(ax):
    ts, layer = np.linspace(0, 1, 5), np.outer(np.linspace(0, 1, 5), np.arange(100.0))
    drawn = plot.layer_traces(ax, ts, layer, title="Hidden", units=7, onset=0.5)
    segments = drawn.get_segments()
    assert len(segments) == 7
    assert {s[-1, 1] for s in segments} >= {0.0, 99.0}
    assert "7 of 100 units" in ax.get_title() and labelled(ax)


def test_residuals_on_a_log_axis(ax):
    ts = np.linspace(0, 5, 20)
    samples, median = plot.residuals(ax, ts, np.exp(-ts) * np.array([[1.0], [2], [4]]), tol=1e-2)
    assert ax.get_yscale() == "log" and len(samples.get_segments()) == 3
    np.testing.assert_allclose(median.get_ydata(), 2 * np.exp(-ts))
    assert "tolerance 0.01" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_outputs(ax):
    bars = plot.outputs(ax, jnp.array([0.1, 0.9]), jnp.array([0.0, 1.0]), jnp.eye(2)[1], beta=0.5)
    assert [bar.get_height() for bar in bars] == [0.1, 0.9]
    assert "nudged, β = 0.5" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_spectrum_shows_every_eigenvalue_and_the_axis(ax):
    values = np.array([-1 + 2j, -1 - 2j, -0.5])
    dots = plot.spectrum(ax, values, symmetric_bound=0.4)
    np.testing.assert_array_equal(dots.get_offsets(), [[-1, 2], [-1, -2], [-0.5, 0]])
    low, high = ax.get_xlim()
    assert low < -1 and high > 0.4


def test_phase_plane(ax):
    net, inputs, start = cycle()
    run = nd.integrate(net, start, inputs, np.linspace(0, 5, 50), rtol=1e-6, atol=1e-6)
    path = plot.phase_plane(ax, run.states, end=run.states[-1], jump=(0, 0), title="cycle")
    np.testing.assert_array_equal(path.get_xdata(), run.states[:, 0])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["flow", "Newton", "start", "end"]


def test_residuals_along_fall_to_the_settled_one():
    net = random_net(activation=nd.tanh)
    x = jnp.ones((2, net.sizes[0]))
    run = nd.integrate(net, None, x, [0, 5, 60], rtol=1e-9, atol=1e-9)
    along = nd.residuals_along(net, run, x)
    assert along.shape == (2, 3) and (np.diff(along) < 0).all()
    last = tuple(layer[:, -1] for layer in run.states)
    np.testing.assert_allclose(along[:, -1], nd.residual(net, last, x), rtol=1e-6, atol=1e-14)
    alone = nd.residuals_along(
        net, nd.integrate(net, None, x[0], [0, 5], rtol=1e-9, atol=1e-9), x[0]
    )
    np.testing.assert_allclose(alone, along[0, :2], rtol=1e-6)


def test_a_page_is_the_same_byte_for_byte_and_whole_or_absent(tmp_path):
    for name in ("a.svg", "b.svg"):
        with plot.style(), plot.page(tmp_path / name, (3, 2)) as figure:
            plot.outputs(figure.subplots(), np.array([0.2, 0.4]))
    first, second = ((tmp_path / name).read_text() for name in ("a.svg", "b.svg"))
    assert first == second and "<svg" in first
    with pytest.raises(RuntimeError), plot.page(tmp_path / "c.png", (3, 2)):
        raise RuntimeError
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.svg", "b.svg"]
