"""`neurodyn portrait` as a user meets it."""

import json
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest
from test_cli import run

import neurodyn as nd
from neurodyn.cli import flows, journey, portrait, views, with_values
from neurodyn.theory import Chain, PowerChain

FAST = ("--resolution", "41")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(capsys, *words: str):
    code, out, err = run(capsys, "portrait", *words, *FAST, "--json")
    assert out, err
    return code, json.loads(out)


def test_chain_with_certified_ends(capsys, folder):
    starts = ["0.3,-1.2", "-2,0.5", "-1/2,-2"]
    words = [word for start in starts for word in ("--start", start)]
    code, told = found(capsys, "chain", "--c", "1", *words, "--xlim", "-3,3.5", "-o", "chain.svg")
    assert code == 1 and (folder / "chain.svg").read_text().startswith("<?xml")
    assert told["picture"] == "chain.svg" and told["xlim"] == [-3, 3.5] and told["ylim"] == [-3, 3]
    stable, slow, unstable = told["starts"]
    # the end of the README's chain, and the approach of t^-1 along the tangency (golden)
    assert stable["verdict"] == "settled" and stable["kind"] == "stable"
    np.testing.assert_allclose(stable["certified"], [1.884488278, 0.5306480342], atol=1e-9)
    assert stable["difference"] < 1e-8 and unstable["kind"] == "unstable"
    assert slow["verdict"] == "timed_out" and slow["kind"] == "semistable: algebraic approach"
    assert slow["certified"] == [-1, -1]
    assert slow["end"][0] == pytest.approx(-1.0006651843423866, abs=1e-8)
    for arc in told["arcs"]:
        np.testing.assert_allclose(np.prod(arc["points"], axis=1), 1, atol=1e-6)
    assert sorted(arc["kind"] for arc in told["arcs"]) == ["stable", "stable", "unstable"]
    np.testing.assert_allclose(told["semistable"], [[-1, -1]], atol=1e-8)


def test_tables_of_starts_and_fixed_points(capsys, folder):
    words = ("chain", "--start", "0.3,-1.2", "--colour", "dP/dt", *FAST)
    code, out, _ = run(capsys, "portrait", *words)
    assert code == 0 and "(1.884488278, 0.5306480342)" in out and "certified end" in out
    assert "curve of fixed points" in out and "wrote chain_portrait.png" in out
    assert (folder / "chain_portrait.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_a_classic_system_with_a_parameter_changed(capsys):
    words = ("van-der-pol", "--set", "mu=0.1", "--start", "0.5,0")
    code, told = found(capsys, *words)
    (cycle,), (point,), (start,) = told["cycles"], told["points"], told["starts"]
    assert code == 1 and start["verdict"] == "timed_out" and start["certified"] is None
    assert cycle["kind"] == "stable" and point["kind"] == "unstable_focus"
    amplitude = np.abs(np.array(cycle["points"])[:, 0]).max()
    assert amplitude == pytest.approx(2 + 0.1**2 / 96, abs=1e-3)  # to second order in mu
    assert cycle["period"] == pytest.approx(2 * np.pi * (1 + 0.1**2 / 16), abs=1e-3)
    real, imaginary = np.array(point["eigenvalues"]).T
    np.testing.assert_allclose(real, [0.05, 0.05], atol=1e-9)
    np.testing.assert_allclose(np.abs(imaginary), np.sqrt(1 - 0.05**2), atol=1e-9)


def test_equations_of_ones_own(capsys):
    text = "x' = y; y' = mu*(1-x**2)*y - x"
    code, told = found(capsys, "expr", text, "--set", "mu=1.5", "--xlim", "-4,4")
    assert code == 0 and told["title"] == "mu = 1.5" and told["flow"] == "expr"
    assert told["cycles"][0]["period"] == pytest.approx(7.0964, abs=1e-3)


@pytest.mark.slow
def test_two_leaky_integrators_with_basins(capsys, folder):
    weights = ("--weights", "0 2; 2 0", "--inputs", "-0.0,0.0", "--start", "-0.5,0.1")
    code, told = found(capsys, "leaky", *weights, "--basins", "--colour", "none", "-o", "two.pdf")
    kinds = {point["kind"]: point["position"] for point in told["points"]}
    assert code == 0 and sorted(kinds) == ["saddle", "stable_node"] and len(told["points"]) == 3
    u = 1.9150080481545  # u = 2 tanh(u)
    np.testing.assert_allclose(np.abs(kinds["stable_node"]), [u, u], atol=1e-8)
    assert told["starts"][0]["kind"] == "stable node"
    np.testing.assert_allclose(told["starts"][0]["end"], [-u, -u], atol=1e-7)
    label = np.array(told["basins"])
    above = np.add.outer(*[np.linspace(-3, 3, 41)] * 2)
    for side in (above > 0.01, above < -0.01):
        assert len(set(label[side])) == 1  # the diagonal parts them
    assert (folder / "two.pdf").read_bytes()[:4] == b"%PDF"


@pytest.mark.slow
def test_the_power_chain_certified(capsys):
    words = ("power", "--mu", "3", "--c", "1", "--start", "0.5,-1", "--start", "-0.5,0.25")
    code, told = found(capsys, *words, "--colour", "dP/dt")
    reached, stalled = told["starts"]
    assert code == 1 and reached["verdict"] == "settled" and reached["difference"] < 1e-9
    a1, a2 = reached["certified"]
    assert a2 * a1**3 == pytest.approx(1)
    assert a2 - a1**2 / 6 == pytest.approx(-1 - 0.5**2 / 6)  # [004 Eq 115]
    assert stalled["kind"] == "stalls: the error stays" and stalled["certified"][0] == 0


def test_three_weights_in_space(capsys, folder):
    code, out, _ = run(capsys, "portrait", "chain", "--c", "1,-1", "--start", "0.5,1,-1", "--json")
    (start,) = json.loads(out)["starts"]
    assert code == 0 and start["difference"] < 1e-8
    assert np.prod(start["certified"]) == pytest.approx(1)
    assert (folder / "chain_portrait.png").stat().st_size > 20_000


def test_the_surface_in_space_lies_at_rest_and_knows_its_side():
    flow = nd.chain_flow(c=(1.0, -1.0), alpha=2.0, beta=0.5)
    triangles, rate = views.resting_surface(flow, 3.0)
    corners = triangles.reshape(-1, 3)
    np.testing.assert_allclose(corners.prod(axis=1), 4, rtol=1e-12)
    assert np.abs(corners).max() <= 3 + 1e-12 and (rate > 0).any() and (rate < 0).any()
    centre, across = triangles[0].mean(axis=0), rate[0]
    below = np.array([1, centre[0], centre[0] * centre[1]]) * [1, -1, 1]
    gradient = centre.prod() / centre
    assert across == pytest.approx(-0.5 * below @ gradient)  # −β f·∇P
    assert views.resting_surface(nd.chain_flow(c=(1.0, 1.0), alpha=1.0, beta=0.0), 2.0) is None
    assert views.resting_surface(nd.chain_flow(c=(1.0, 1.0), alpha=99.0, beta=1.0), 2.0) is None


def test_without_error_the_surface_is_three_planes():
    flow = nd.chain_flow(c=(1.0, 1.0), alpha=0.0, beta=1.0)
    triangles, rate = views.resting_surface(flow, 2.0)
    np.testing.assert_array_equal(triangles.prod(axis=2), 0)
    sides = np.linalg.norm(
        np.cross(*(triangles[:, 1:] - triangles[:, :1]).transpose(1, 0, 2)), axis=1
    )
    assert sides.sum() / 2 == pytest.approx(3 * 4**2) and (rate <= 1e-12).mean() > 0.5


def test_certificates_where_theory_knows_them():
    half = Fraction(1, 2)
    assert journey.certificate(None, (half, half)) == (None, "")
    chain = Chain(c=(1,), alpha=1, beta=1)
    assert journey.certificate(chain, (half, Fraction(2))) == ((0.5, 2.0), "stable")
    grows = Chain(c=(1,), alpha=1, beta=0)
    assert journey.certificate(grows, (half, half)) == ((np.inf, np.inf), "diverges")
    # |a|^(2/3) there, sign(a)|a|^(2/3) here: the same for positive weights only
    even = PowerChain(mu="2/3", c1=1, alpha=1, beta=1)
    assert journey.certificate(even, (-half, half)) == (None, "")
    assert journey.certificate(even, (half, half))[1] == "stable"


def test_a_start_that_blows_up_is_said_to():
    drawn = flows.subject("expr", {"expression": "x' = x^2 + 1; y' = x - y"})
    (gone,) = journey.journeys(drawn, [(Fraction(0), Fraction(0))])
    assert gone.verdict == "diverged" and not gone.resting and gone.difference is None
    assert gone.time == pytest.approx(np.pi / 2, rel=1e-3)
    assert np.isfinite(gone.path).all() and len(gone.path) > 100


def test_a_start_at_rest_stays(capsys):
    drawn = flows.subject("chain", {"c": "1"})
    (still,) = journey.journeys(drawn, [(Fraction(2), Fraction(1, 2))])
    assert still.verdict == "settled" and still.time == 0 and still.difference == 0
    np.testing.assert_array_equal(still.path, [[2, 0.5]])


@pytest.mark.parametrize("option", ["--start", "--xlim", "--c", "--inputs"])
@pytest.mark.parametrize("value", ["-2,0.5", "-.5", "-3"])
def test_values_that_begin_like_negative_numbers(option, value):
    words = ["portrait", "chain", option, value, "--json", "-o", "a.png"]
    joined = ["portrait", "chain", f"{option}={value}", "--json", "-o", "a.png"]
    assert with_values(words) == joined


def test_other_words_are_left_alone():
    for words in (["settle", "--json", "--beta=-1", "5"], ["-2"], ["portrait", "-o", "-2.png"], []):
        assert with_values(words) == words


@pytest.mark.parametrize(
    ("text", "value"), [("0.3", "3/10"), ("-1.5e-2", "-3/200"), (" -3/10", "-3/10"), (".5", "1/2")]
)
def test_numbers_are_exact(text, value):
    assert flows.number(text, "c") == Fraction(value)


def test_options_make_the_flow_that_they_name():
    state = jnp.array([0.5, -0.8])
    made = flows.subject("chain", {"c": "-2", "alpha": "0.3", "beta": "1/4", "feedback": "exact"})
    wanted = nd.chain_flow(c=(-2.0,), alpha=0.3, beta=0.25, feedback="exact")
    np.testing.assert_array_equal(made.field(0.0, state, None), wanted(0.0, state, None))
    assert made.exact is None  # only random feedback is certified
    more = {"gamma": "0.5", "delta": "0.7"}
    made = flows.subject("power", {"mu": "2", "feedback": "no_derivative", **more})
    wanted = nd.power_chain_flow(2.0, 1.0, 1.0, 1.0, gamma=0.5, delta=0.7, feedback="no_derivative")
    np.testing.assert_array_equal(made.field(0.0, state, None), wanted(0.0, state, None))


def test_leaky_integrators_by_their_weights():
    made = flows.subject("leaky", {"weights": "0.5, -1.2; 0.9 0.1", "inputs": "0.2,-0.4"})
    state, weights = jnp.array([0.5, -0.8]), np.array([[0.5, -1.2], [0.9, 0.1]])
    wanted = weights @ np.tanh(state) - state + np.array([0.2, -0.4])
    np.testing.assert_allclose(made.field(0.0, state, made.inputs), wanted, rtol=1e-15)


def test_the_box_holds_the_starts():
    assert portrait._range("xlim", None, (-3.0, 3.0), [Fraction(0), Fraction(5)]) == (-3.0, 5.3)
    assert portrait._range("xlim", None, (-3.0, 3.0), []) == (-3.0, 3.0)
    assert portrait._range("xlim", "-1,1", (-3.0, 3.0), [Fraction(5)]) == (-1.0, 1.0)


def test_list_names_every_flow_and_draws_nothing(capsys, folder):
    code, out, _ = run(capsys, "portrait", "--list")
    assert code == 0 and not list(folder.iterdir())
    for name in ("chain", "power", "leaky", "expr", "van-der-pol", "wilson-cowan"):
        assert name in out


def test_help_teaches_with_examples(capsys):
    code, out, _ = run(capsys, "portrait", "--help")
    told = " ".join(out.split())
    assert code == 0 and "neurodyn portrait fitzhugh-nagumo --set I=0" in told
    assert "FLOW_portrait.png" in told and "certified end" in told


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "which flow? Name one"),
        ("chian", "unknown flow 'chian': did you mean 'chain'?"),
        ("x'=y", "write neurodyn portrait expr"),
        ("expr", "expr needs its equations"),
        ("expr x'=y;y'=-x*(1", "'(' was never closed"),
        ("expr x'=y;y'=zz*x", "unknown name 'zz'"),
        ("expr x'=-x", "has 1 equation(s): a portrait needs just two"),
        ("expr x'=y;y'=z;z'=x", "has 3 equation(s): a portrait needs just two"),
        ("expr x'=y;y'=-k*x --set k", "set has 'k': write a name and a number"),
        ("expr x'=y;y'=-k*x --set k=one", "set k has 'one': give a finite number"),
        ("expr x'=y;y'=-k*x --set k=1 --set k=2", "set gives 'k' twice"),
        ("expr x'=y;y'=-x --set k=1", "'k'"),
        ("van-der-pol --set m=3", "has no parameter 'm': did you mean 'mu'?"),
        ("chain x'=y", "chain does not use expression: it uses --c, --alpha"),
        ("chain --mu 3", "chain does not use --mu"),
        ("leaky --c 1 --weights 1", "leaky does not use --c"),
        ("hopfield --weights 1", "hopfield does not use --weights: it uses --set"),
        ("leaky", "leaky needs --weights"),
        ("leaky --weights 1,2;3", "weights is '1,2;3': give two rows of two"),
        ("leaky --weights 1,2;3,4;5,6", "give two rows of two"),
        ("leaky --weights 1,2;3,x", "weights has 'x': give a finite number"),
        ("leaky --weights 1,2;3,4 --inputs 1", "inputs has 1 numbers"),
        ("leaky --weights 1,2;3,4 --activation tahn", "did you mean 'tanh'?"),
        ("chain --beta -1", "beta"),
        ("power --beta -1", "beta"),
        ("power --mu 0", "mu is 0"),
        ("chain --c 1,2,3", "c has 3 numbers, for 4 weights"),
        ("chain --c nan", "c has 'nan': give a finite number"),
        ("chain --c 1e999999", "c has '1e999999': give a finite number"),
        ("chain --c 1/0", "c has '1/0'"),
        ("chain --feedback no_derivative", "chain has no feedback 'no_derivative'"),
        ("power --feedback no_derivative", "needs --gamma and --delta"),
        ("power --gamma 1", "with --feedback no_derivative only"),
        ("chain --xlim 3,-3", "xlim is '3,-3': give two numbers, the smaller one first"),
        ("chain --ylim 1,1", "ylim is '1,1'"),
        ("chain --ylim 1", "ylim is '1'"),
        ("chain --xlim 0,inf", "xlim has 'inf': give a finite number"),
        ("chain --start 1", "start has 1 number(s), '1': give 2, for a₁, a₂"),
        ("chain --start 1,2,3", "start has 3 number(s)"),
        ("chain --start -1,nan", "start has 'nan'"),
        ("chain --c 1,1 --start 1,2", "give 3, for a₁, a₂, a₃"),
        ("chain --c 1,1 --basins", "three weights are drawn in space, which does not use --basins"),
        ("chain --c 1,1 --xlim -1,1", "does not use --xlim"),
        ("duffing --colour dP/dt", "duffing has no dP/dt"),
        ("chain --resolution 3", "resolution is 3"),
        ("chain -o chain.bmp", "chain.bmp must end in .png or .svg or .pdf"),
        ("chain -o /nowhere/a.png", "there is no folder /nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(capsys, folder, words, sentence):
    code, out, err = run(capsys, "portrait", *words.split())
    assert code == 2 and not out and not list(folder.iterdir())
    assert err.startswith("neurodyn: ") and sentence in err and err.count("\n") == 1
