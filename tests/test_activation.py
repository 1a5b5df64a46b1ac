"""Activations: derivative, inverse, range, slope bound and monotonicity, as properties."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurodyn as nd

ALL = [
    nd.identity,
    nd.tanh,
    nd.logistic,
    nd.hard_sigmoid,
    nd.relu,
    nd.power(3),
    nd.power(1 / 3),
    nd.power(1),
]
KINKS = {"hard_sigmoid": (0, 1), "relu": (0,), "power(0.333333)": (0,)}
points = st.floats(-4, 4)


@pytest.mark.parametrize("rho", ALL, ids=lambda a: a.name)
@hypothesis.given(points)
@hypothesis.settings(max_examples=50)
def test_derivative_range_and_bound(rho, s):
    hypothesis.assume(all(abs(s - kink) > 1e-3 for kink in KINKS.get(rho.name, ())))
    x = jnp.asarray(s)
    slope = float(rho.derivative(x))
    assert slope == pytest.approx(float(jax.grad(rho)(x)), rel=1e-9, abs=1e-12)
    assert slope <= rho.slope_bound * (1 + 1e-12)
    assert not rho.monotone or slope >= 0
    assert rho.range[0] <= float(rho(x)) <= rho.range[1]


@pytest.mark.parametrize("rho", ALL, ids=lambda a: a.name)
@hypothesis.given(share=st.floats(1e-4, 1 - 1e-4))
@hypothesis.settings(max_examples=50)
def test_inverse_undoes_the_activation_on_the_open_range(rho, share):
    low, high = np.clip(rho.range, -4, 4)
    rate = low + share * (high - low)
    assert float(rho(rho.inverse(jnp.asarray(rate)))) == pytest.approx(rate, rel=1e-9, abs=1e-9)


def test_bounds_are_attained():
    grid = jnp.linspace(-3, 3, 6001)
    for rho in (nd.tanh, nd.logistic, nd.hard_sigmoid, nd.relu, nd.identity):
        assert float(rho.derivative(grid).max()) == pytest.approx(rho.slope_bound, rel=1e-6)


def test_names_find_their_activation():
    assert nd.activation_named("power(3)") is nd.power(3.0)
    np.testing.assert_allclose(
        nd.activation_named("hard_sigmoid")(jnp.array([-1, 0.3, 2])), [0, 0.3, 1]
    )
