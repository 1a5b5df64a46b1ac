"""Equations from text and from SymPy: against NumPy, and everything that is refused."""

import math
import time

import equinox as eqx
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from numpy import cos, exp, sin, sqrt, tanh

import neurodyn as nd
from neurodyn.expression import SymbolicField, classic_field, field_from_sympy, field_from_text


def value(field, state) -> np.ndarray:
    return np.asarray(field(0.0, jnp.asarray(state, float), None))


def gain(s):
    return 1 / (1 + exp(-s))


def slope(s):
    return gain(s) * gain(-s)


HAND_WRITTEN = {
    "van der Pol": (
        "x' = y; y' = mu*(1 - x^2)*y - x",
        {"mu": 1.5},
        lambda x, y: [y, 1.5 * (1 - x**2) * y - x],
        lambda x, y: [[0, 1], [-3 * x * y - 1, 1.5 * (1 - x**2)]],
    ),
    "pendulum, with the other way of writing": (
        "dtheta/dt = ω\n\n dω/dt = -sin(theta) - 2e-1*ω",
        {},
        lambda a, w: [w, -sin(a) - 0.2 * w],
        lambda a, w: [[0, 1], [-cos(a), -0.2]],
    ),
    "Lorenz": (
        "x' = s*(y - x)\ny' = x*(r - z) - y\nz' = x*y - b*z;",
        {"s": 10, "r": np.float32(28), "b": jnp.asarray(8 / 3)},
        lambda x, y, z: [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z],
        lambda x, y, z: [[-10, 10, 0], [28 - z, -1, -x], [y, x, -8 / 3]],
    ),
    "two populations": (
        "E' = -E + logistic(w*E - 3*I + 1/2); I' = (-I + logistic(2*E - I))/tau",
        {"w": 5.0, "tau": 2.0},
        lambda a, b: [-a + gain(5 * a - 3 * b + 0.5), (-b + gain(2 * a - b)) / 2],
        lambda a, b: [
            [-1 + 5 * slope(5 * a - 3 * b + 0.5), -3 * slope(5 * a - 3 * b + 0.5)],
            [slope(2 * a - b), (-1 - slope(2 * a - b)) / 2],
        ],
    ),
    "inhibition by a Hill function": (
        "u' = a/(1 + v**n) - u; v' = a/(1 + u**n) - v",
        {"a": 2.5, "n": 2},
        lambda u, v: [2.5 / (1 + v**2) - u, 2.5 / (1 + u**2) - v],
        lambda u, v: [[-1, -5 * v / (1 + v**2) ** 2], [-5 * u / (1 + u**2) ** 2, -1]],
    ),
    "roots, exponentials and constants": (
        "x' = sqrt(x)*e^(-x/pi) - tanh(y)^3; y' = 0.1*exp(-(x - y)^2) + 1/3",
        {},
        lambda x, y: [
            sqrt(x) * exp(-x / np.pi) - tanh(y) ** 3,
            0.1 * exp(-((x - y) ** 2)) + 1 / 3,
        ],
        lambda x, y: [
            [
                exp(-x / np.pi) * (1 / (2 * sqrt(x)) - sqrt(x) / np.pi),
                -3 * tanh(y) ** 2 * (1 - tanh(y) ** 2),
            ],
            [
                -0.2 * (x - y) * exp(-((x - y) ** 2)),
                0.2 * (x - y) * exp(-((x - y) ** 2)),
            ],
        ],
    ),
}


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_values_and_jacobians_are_those_of_numpy(name):
    text, parameters, flow, jacobian = HAND_WRITTEN[name]
    field = field_from_text(text, **parameters)
    for state in np.random.default_rng(0).uniform(0.1, 2, (5, len(field.variables))):
        np.testing.assert_allclose(value(field, state), flow(*state), rtol=1e-13, atol=1e-14)
        found = nd.linearise(field, state, None).jacobian
        np.testing.assert_allclose(found, jacobian(*state), rtol=1e-12, atol=1e-13)


def test_every_function():
    at = np.array([-1.7, -0.4, 0.0, 0.3, 0.9, 1.0, 2.5])
    names = {
        "exp": np.exp,
        "sin": np.sin,
        "cos": np.cos,
        "tan": np.tan,
        "sinh": np.sinh,
        "cosh": np.cosh,
        "tanh": np.tanh,
        "abs": np.abs,
        "sign": np.sign,
        "heaviside": lambda s: np.heaviside(s, 0.5),
        "logistic": gain,
        "hard_sigmoid": lambda s: np.clip(s, 0, 1),
        "relu": lambda s: np.maximum(s, 0),
    }
    for name, function in names.items():
        field = field_from_text(f"x' = {name}(x)")
        found = [value(field, [s])[0] for s in at]
        np.testing.assert_allclose(found, function(at), rtol=1e-14, atol=1e-15, err_msg=name)
    several = field_from_text("x' = log(x); y' = sqrt(x); a' = max(x, y, 1); b' = min(2, x)")
    np.testing.assert_allclose(
        value(several, [3.0, 5.0, 0.0, 0.0]), [np.log(3), np.sqrt(3), 5.0, 2.0], rtol=1e-15
    )


def test_activations_keep_their_derivatives_at_the_kinks():
    field = field_from_text("x' = relu(x) + hard_sigmoid(x)")
    assert float(nd.linearise(field, jnp.zeros(1), None).jacobian[0, 0]) == 0


def test_numbers_keep_all_their_digits():
    for number in (1 / 3, 0.1, np.pi * 1e-9, 1.2345678901234567e200, 2.0**53 + 2, 3**40):
        assert value(field_from_text(f"x' = {number!r}*x"), [1.0])[0] == float(number)
        x = sympy.Symbol("x")
        assert value(field_from_sympy({x: number * x}), [1.0])[0] == float(number)


def test_what_is_written_is_computed_and_not_a_simplification():
    assert np.isnan(value(field_from_text("x' = x/x"), [0.0])[0])
    assert value(field_from_text("x' = (1e200*x)^2"), [1e-200])[0] == pytest.approx(1)
    assert value(field_from_text("x' = 1e20 + x - 1e20"), [1.0])[0] == 0


def test_precedence():
    assert value(field_from_text("x' = -x^2"), [3.0])[0] == -9
    assert value(field_from_text("x' = 2^x^2"), [2.0])[0] == 16
    assert value(field_from_text("x' = 12/x/2*3 - 1 - x"), [2.0])[0] == 6
    assert value(field_from_text("x' = 2^-x + +1"), [1.0])[0] == 1.5


LEAVES = st.one_of(
    st.sampled_from(["x", "y", "p", "pi", "e", "2", "3", "0.5", "1e-3", "7"]),
    st.floats(0.01, 9).map(repr),
)
OF_ONE = {
    **{name: getattr(np, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "cosh")},
    "abs": np.abs,
    "sign": np.sign,
    "logistic": gain,
    "relu": lambda s: np.maximum(s, 0),
    "hard_sigmoid": lambda s: np.clip(s, 0, 1),
}
OF_TWO = {"max": np.maximum, "min": np.minimum}


def larger(terms):
    operators = st.sampled_from(["+", " - ", "*", "/", " ^ ", "**"])
    return st.one_of(
        st.tuples(terms, operators, terms).map("".join),
        terms.map("-{}".format),
        terms.map("({})".format),
        st.tuples(st.sampled_from(list(OF_ONE)), terms).map(lambda t: "{}({})".format(*t)),
        st.tuples(st.sampled_from(list(OF_TWO)), terms, terms).map(
            lambda t: "{}({}, {})".format(*t)
        ),
    )


def in_numpy(text, number, x, y):
    names = {"x": number(x), "y": number(y), "p": number(0.7), "pi": np.pi, "e": np.e}
    with np.errstate(all="ignore"):
        return eval(text.replace("^", "**"), {"__builtins__": {}}, {**OF_ONE, **OF_TWO, **names})


@hypothesis.settings(max_examples=300)
@hypothesis.given(st.recursive(LEAVES, larger, max_leaves=12), st.floats(-2, 2), st.floats(0.1, 2))
def test_random_expressions_agree_with_numpy(text, x, y):
    text = f"p + {text}"
    try:
        wanted, exact = (in_numpy(text, kind, x, y) for kind in (np.float64, np.longdouble))
    except (ZeroDivisionError, OverflowError):
        hypothesis.reject()
    hypothesis.assume(np.isrealobj(wanted) and np.isfinite(wanted) and abs(wanted) < 1e12)
    try:
        field = field_from_text(f"x' = {text}; y' = 1", p=0.7)
    except ValueError as error:
        assert "not a real, finite number" in str(error)  # such as max(x, 1/(2 - 2))
        hypothesis.reject()
    rounding = abs(float(wanted - exact))  # what float64 makes of this expression in any case
    found = value(field, [x, y])[0]
    assert found == pytest.approx(float(wanted), rel=1e-12, abs=1e-13 + 100 * rounding)


REFUSED = {
    "": "text holds 0 equations",
    " ; \n": "text holds 0 equations",
    ";".join(f"x{i}' = 1" for i in range(101)): "text holds 101 equations",
    "y' = mu*(1-x**2; x' = y": "\"y' = mu*(1-x**2\": '(' was never closed (column 9).",
    "x' = (x))": "')' closes no '(' (column 9)",
    "x' = y": "unknown name 'y'; there are: x, mu. Or give it as a parameter, y=1.0",
    "rate' = 1; x' = ratw*x": "unknown name 'ratw'; did you mean 'rate'?",
    "x' = 1 + expp(x)": "unknown function 'expp'; did you mean 'exp'?",
    "x' = μμ + nu": "(column 6)",
    "μ' = μ + nu": "unknown name 'nu'",
    "x' = exp": "'exp' is a function; write exp(…) (column 6)",
    "x' = exp(x, x)": "'exp' takes one number (column 6)",
    "x' = exp()": "'exp' takes one number",
    "x' = max(x)": "'max' takes two or more numbers",
    "x' = exp(x=1)": "'=' has no meaning here (column 11)",
    "x' = exp(**x)": "'exp' takes one number",
    "x' = exp(*x)": "only arithmetic",
    "x' = x(2)": "'x' is not a function; write products with *",
    "x' = 2(x + 1)": "write products with *",
    "x' = (x)(x)": "write products with *",
    "x' = 2x": "is an operator such as * missing? (column 6)",
    "x' = x x": "'x' is not expected; is an operator such as * missing? (column 8)",
    "x' = x +": "it ends too early",
    "x' = ": "there is nothing after '='",
    "x' = * x": "'*' is not expected",
    "x' = x // 2": "the operators are + - * / ^",
    "x' = x % 2": "'%' has no meaning here (column 8)",
    "x' = x, x": "only arithmetic",
    "x' = x < 1": "'<' has no meaning here",
    "x'": "there is no '='",
    "just words": "there is no '='",
    "x = y": "its left side 'x' is not x' or dx/dt of a name",
    "= y": "its left side '' is not",
    "2' = y": 'its left side "2\'" is not',
    "lambda' = 1": "is not x' or dx/dt of a name",
    "dx/dy = 1": "is not x' or dx/dt of a name",
    "x'' = -x": "is not x' or dx/dt of a name",
    "x' = 1; dx/dt = 2": "'x' already has an equation",
    "e' = -e": "'e' is the name of a function or constant",
    "tanh' = 1": "'tanh' is the name of a function or constant",
    "x' = lambda*x": "'lambda' is a word of Python, not a name (column 6)",
    "x' = x if x else 1": "'if' is a word of Python",
    "x' = True": "'True' is a word of Python",
    "x' = None": "'None' is a word of Python",
    "x' = t*x": "the time t may not appear; make it a state by t' = 1 (column 6)",
    "x' = 3j*x": "only arithmetic",
    "x' = ...": "only arithmetic",
    "x' = 'a'": '"\'" has no meaning here',
    'x\' = "a"': "has no meaning here",
    "x' = 1/0": "this is not a real, finite number (column 6)",
    "x' = x/(2 - 2)": "this is not a real, finite number",
    "x' = 0^(-1)": "this is not a real, finite number",
    "x' = (-8)^(1/3)": "this is not a real, finite number",
    "x' = x + 1e999": "this is not a real, finite number (column 10)",
    "x' = " + "9" * 400: "this is not a real, finite number",
    "x' = x²": "'²' is not expected",
    "x' = x # why": "'#' has no meaning here",
    "x' = x \\": "has no meaning here",
    "x' = x\0": "has no meaning here",
    # nothing of this may be run
    "x' = __import__('os').system('touch pwned')": "has no meaning here",
    "x' = __import__(os)": "unknown function '__import__'",
    "x' = eval(x)": "unknown function 'eval'",
    "x' = exec(x)": "unknown function 'exec'",
    "x' = open(x)": "unknown function 'open'",
    "x' = x.__class__": "only arithmetic and calls of functions can be read (column 6)",
    "x' = x.__class__.__base__.__subclasses__()": "write products with *",
    "x' = exp(x).real": "only arithmetic",
    "x' = exp.__globals__": "only arithmetic",
    "x' = [x for x in (1, 2)]": "'for' is a word of Python",
    "x' = (y := 2)": "':' has no meaning here",
    "x' = f'{x}'": "has no meaning here",
    "x' = (lambda: 1)()": "'lambda' is a word of Python",
    "x' = x[0]": "'[' has no meaning here",
    "x' = {x}": "'{' has no meaning here",
    "x' = `x`": "'`' has no meaning here",
    "x' = x @ x": "'@' has no meaning here",
    "x' = await x": "'await' is a word of Python",
    # nor may any of this take long
    "x' = 9**9**9**9": "this is not a real, finite number",
    "x' = 9^9^9": "this is not a real, finite number",
    "x' = 9^(9*9*9*9*9*9*9*9*9)*x": "this is not a real, finite number",
    "x' = " + "(" * 1990 + "x": "more than 50 terms lie inside each other",
    "x' = " + "(" * 900 + "x" + ")" * 900: "more than 50 terms lie inside each other",
    "x' = " + "-" * 1500 + "x": "more than 50 terms lie inside each other",
    "x' = " + "exp(" * 51 + "x" + ")" * 51: "more than 50 terms lie inside each other",
    "x' = " + "x^" * 600 + "x": "more than 50 terms lie inside each other",
    "x' = " + "x+" * 1000 + "x": "it has 2006 characters, more than 2000",
    "x" * 3000: "it has 3000 characters, more than 2000",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_refusals_are_one_sentence_that_points_at_the_place(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameters = {} if "y' =" in text and "mu" not in text else {"mu": 1.0}
    began = time.perf_counter()
    with pytest.raises(ValueError) as caught:
        field_from_text(text, **parameters)
    assert time.perf_counter() - began < 1
    assert REFUSED[text] in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert not list(tmp_path.iterdir())


def test_refused_parameters():
    decay = "x' = -a*x"
    for name in ("x", "exp", "pi", "relu"):
        with pytest.raises(ValueError, match=f"parameter '{name}' is already"):
            field_from_text(decay, a=1.0, **{name: 2.0})
    for name in ("a b", "", "1a", "lambda", "a.b"):
        with pytest.raises(ValueError, match="is not a name"):
            field_from_text(decay, a=1.0, **{name: 2.0})
    with pytest.raises(ValueError, match="parameter 'b' is in no equation"):
        field_from_text(decay, a=1.0, b=2.0)
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match=r"parameter 'a' is -?(nan|inf): give a finite number"):
            field_from_text(decay, a=bad)
    for bad in ("1.5", None, [1.0, 2.0], 1j, True, np.ones(1)):
        with pytest.raises(TypeError, match=r"parameter 'a' is .*: give one real number"):
            field_from_text(decay, a=bad)
    with pytest.raises(TypeError):  # by the type checker of the tests, or by our own sentence
        field_from_text(b"x' = 1")


def test_the_two_letters_mu_are_one():
    micro, greek = "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"
    assert value(field_from_text(f"x' = {micro}*x", **{greek: 2.0}), [3.0])[0] == 6
    assert value(field_from_text(f"{greek}' = {greek}*a", a=2.0), [3.0])[0] == 6
    assert value(field_from_text(f"x' = {greek}*x", **{micro: 2.0}), [3.0])[0] == 6


def test_names_that_jax_and_sympy_know_are_free_to_use():
    names = ("maximum", "select", "array", "jax", "S", "N", "beta", "reduce", "self", "text", "os")
    text = "; ".join(f"{name}' = max({name}, k)*tan(k)" for name in names)
    assert value(field_from_text(text, k=1.0), np.full(len(names), 2.0)) == pytest.approx(
        2 * np.tan(1)
    )


def test_long_and_deep_equations():
    assert value(field_from_text("x' = " + "+".join(["x"] * 900)), [1.0])[0] == 900
    assert value(field_from_text("x' = " + "*".join(["x"] * 900)), [1.0])[0] == 1
    deep = "x"
    for _ in range(16):
        deep = f"1/(1 + {deep})"
    golden = (np.sqrt(5) - 1) / 2
    assert value(field_from_text(f"x' = {deep}"), [golden])[0] == pytest.approx(golden, rel=1e-14)
    tower = "(" * 49 + "x" + "^1000)" * 49
    assert value(field_from_text(f"x' = {tower}"), [1.0])[0] == 1
    assert value(field_from_text("x' = " + "-" * 48 + "x"), [1.0])[0] == 1
    assert value(field_from_text("x' = " + "sin(" * 48 + "x" + ")" * 48), [1.0])[0] > 0


def from_differences(function, at, h):
    return float(function(at + h) - function(at - h)) / (2 * h)


def test_gradients_with_respect_to_parameters():
    def flow(mu):
        field = field_from_text("x' = y; y' = tanh(mu*x)^mu - max(y, mu)/mu", mu=mu)
        return field(0.0, jnp.array([0.4, 0.9]), None)[1]

    for mu in (0.6, 1.5):
        wanted = from_differences(flow, mu, 1e-5)
        assert float(jax.grad(flow)(mu)) == pytest.approx(wanted, rel=1e-8)
    field = field_from_text("x' = -a*x^n", a=2.0, n=3.0)
    grad = eqx.filter_grad(lambda f: f(0.0, jnp.array([1.5]), None)[0])(field)
    assert float(grad.parameters["a"]) == pytest.approx(-(1.5**3))
    assert float(grad.parameters["n"]) == pytest.approx(-2 * 1.5**3 * np.log(1.5))


@pytest.mark.slow  # reverse mode through the solver compiles long
def test_gradients_through_a_trajectory():
    def end(mu):
        field = field_from_text("x' = y; y' = mu*(1 - x^2)*y - x", mu=mu)
        ts = [0.0, 0.5, 1.0]
        return nd.integrate(field, jnp.ones(2), None, ts, rtol=1e-10, atol=1e-10).states[-1].sum()

    wanted = from_differences(end, 1.5, 1e-4)
    assert float(jax.grad(end)(1.5)) == pytest.approx(wanted, rel=1e-6)


def test_a_changed_parameter_compiles_nothing_anew():
    run = eqx.filter_jit(eqx.debug.assert_max_traces(lambda f, s: f(0.0, s, None), max_traces=1))
    text, at = "x' = y; y' = mu*(1 - x^2)*y - x", jnp.array([2.0, 1.0])
    fields = [field_from_text(text, mu=mu) for mu in (1.5, 2.0)]
    fields.append(
        eqx.tree_at(lambda f: f.parameters["mu"], fields[0], replace_fn=lambda mu: 2 * mu)
    )
    assert [float(run(field, at)[1]) for field in fields] == [-6.5, -8.0, -11.0]


@pytest.mark.parametrize("wide", [True, False])
def test_both_precisions(wide):
    with jax.enable_x64(wide):
        dtype = jnp.float64 if wide else jnp.float32
        field = field_from_text("x' = a*max(x, 1)/3 + 2147483648*heaviside(-x); y' = 1", a=0.1)
        state = jnp.array([2.0, 0.0], dtype)
        found = field(0.0, state, None)
        assert (
            found.dtype == dtype == field.shapes()[0].dtype == nd.residual(field, state, None).dtype
        )
        np.testing.assert_allclose(found, [0.2 / 3, 1], rtol=1e-14 if wide else 1e-6)


def test_from_sympy():
    x, y = sympy.symbols("x y")
    mu = sympy.Symbol("mu", positive=True)
    field = field_from_sympy({x: y, y: mu * (1 - x**2) * y - x}, mu=1.5)
    assert isinstance(field, SymbolicField) and field.variables == ("x", "y")
    same = field_from_text("x' = y; y' = mu*(1 - x^2)*y - x", mu=1.5)
    assert value(field, [0.3, -2.0]) == pytest.approx(value(same, [0.3, -2.0]), rel=1e-15)
    wide = field_from_sympy(
        {
            x: sympy.Piecewise((0, x < y), (sympy.Rational(1, 3) * x, True)),
            y: sympy.erf(x) + sympy.atan2(x, y) + sympy.Max(x, y, 1) + sympy.Mod(x, 2),
        }
    )
    assert value(wide, [3.0, 2.0]) == pytest.approx([1.0, math.erf(3) + math.atan2(3, 2) + 3 + 1])
    assert value(wide, [1.0, 2.0])[0] == 0
    assert value(field_from_sympy({x: 2, y: sympy.Function("relu")(x)}), [-1, 1]).tolist() == [2, 0]


def test_an_expression_that_shares_its_parts_stays_small():
    x = sympy.Symbol("x")
    shared = x
    for _ in range(8):  # written out, some 250 functions
        shared = sympy.sin(shared) + sympy.cos(shared)
    wanted = 0.2
    for _ in range(8):
        wanted = np.sin(wanted) + np.cos(wanted)
    assert value(field_from_sympy({x: shared}), [0.2])[0] == pytest.approx(wanted)


def test_refusals_from_sympy():
    x, y = sympy.symbols("x y")
    positive = sympy.Symbol("x", positive=True)
    for bad in ([x, y], None):
        with pytest.raises(TypeError):  # by the type checker of the tests, or by our own sentence
            field_from_sympy(bad)
    for bad in ({}, {"x": y}, {x + y: x}):
        with pytest.raises(TypeError, match="equations must map SymPy symbols"):
            field_from_sympy(bad)
    for bad in ("__import__('os').system('ls')", "-x", None, sympy.Matrix([x]), x < 1, [x]):
        with pytest.raises(TypeError, match=r"the rate of 'x' is .*: give a SymPy expression"):
            field_from_sympy({x: bad})
    for bad in (sympy.I * x, sympy.oo, sympy.nan, x + sympy.zoo, float("nan")):
        with pytest.raises(ValueError, match=r"the rate of 'x' is .*: it must be real and finite"):
            field_from_sympy({x: bad})
    with pytest.raises(ValueError, match="unknown symbol 'y': there are: x"):
        field_from_sympy({x: y})
    with pytest.raises(ValueError, match="two symbols of one name"):
        field_from_sympy({x: -positive})
    with pytest.raises(ValueError, match="parameter 'a' is in no equation"):
        field_from_sympy({x: -x}, a=1.0)
    with pytest.raises(ValueError, match="unknown function 'reluu': did you mean 'relu'"):
        field_from_sympy({x: sympy.Function("reluu")(x)})
    for bad in (sympy.gamma(x), sympy.Integral(x**x, x)):
        with pytest.raises(ValueError, match="equations cannot be computed by JAX"):
            field_from_sympy({x: bad})


def test_classic_field_refuses_unknown_parameters():
    with pytest.raises(ValueError, match="duffing has no parameter 'dampin': did you mean 'dam"):
        classic_field("duffing", dampin=1.0)
    with pytest.raises(ValueError, match="did you mean 'lotka-volterra'"):
        classic_field("lotka-voltera")
