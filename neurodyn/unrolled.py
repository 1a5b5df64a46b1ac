"""A function with its short loops written out, so that XLA can fuse what they do.

A Runge–Kutta step of diffrax loops over its stages: it keeps their slopes in a buffer and weights
them by products with the tableau. XLA runs each turn, copy and product by itself, which for a state
of a few numbers takes five times as long as the arithmetic. Here that same step is traced, and
followed with everything that does not depend on its arguments worked out on the way: which stage it
is, its weights, where in the buffer it writes. What is left are sums.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal

from .field import is_concrete

LONGEST = 64  # turns of a loop that is written out; longer ones stay loops
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}
PLAIN_DOT = (((0,), (0,)), ((), ()))


def unrolled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of trees of arrays, with loops written out whose length is known while tracing.

    The results are the same up to rounding; a rule below that does not apply costs speed alone. It
    is not for derivatives: rules for them that `function` brings along are lost.

    >>> import jax, jax.numpy as jnp
    >>> def power(x):
    ...     return jax.lax.while_loop(lambda c: c[0] < 5, lambda c: (c[0] + 1, c[1] * x), (0, x))[1]
    >>> jax.make_jaxpr(power)(2.0).eqns[0].primitive.name, float(unrolled(power)(2.0))
    ('while', 64.0)
    >>> {eqn.primitive.name for eqn in jax.make_jaxpr(unrolled(power))(2.0).eqns}
    {'mul'}
    """

    def run(*args):
        leaves, tree = jax.tree.flatten(args)
        traced, shapes = jax.make_jaxpr(
            lambda *leaves: function(*jax.tree.unflatten(tree, leaves)), return_shape=True
        )(*leaves)
        return jax.tree.unflatten(jax.tree.structure(shapes), _follow(traced, leaves))

    return run


def _follow(traced: ClosedJaxpr, args: list) -> list:
    values = dict(zip(traced.jaxpr.constvars, traced.consts, strict=True))
    values |= dict(zip(traced.jaxpr.invars, args, strict=True))

    def value(atom):
        return atom.val if isinstance(atom, Literal) else values[atom]

    for eqn in traced.jaxpr.eqns:
        values |= dict(zip(eqn.outvars, _step(eqn, [value(v) for v in eqn.invars]), strict=True))
    return [value(v) for v in traced.jaxpr.outvars]


def _step(eqn: JaxprEqn, args: list) -> list:
    """What one equation gives: worked out where all is known, else recorded, written out."""
    name, known = eqn.primitive.name, [is_concrete(arg) for arg in args]
    if all(known) and not eqn.effects:
        with jax.ensure_compile_time_eval():
            return _bind(eqn, args)
    if name in CALLS:
        return _follow(eqn.params[CALLS[name]], args)
    if name == "while":
        return _loop(eqn, args)
    if name == "copy":
        return args
    if name in ("select_n", "select_if_vmap") and known[0] and np.ndim(args[0]) == 0:
        return [args[1 + int(args[0])] if name == "select_n" else args[1 if args[0] else 2]]
    if name == "dot_general" and known[0] and np.ndim(args[0]) == 1:
        return _weighted(args) if eqn.params["dimension_numbers"] == PLAIN_DOT else _bind(eqn, args)
    if name == "maybe_set" and len(args) == 4 and known[0] and args[0] and known[3]:
        return _with_row(args[1], args[3], args[2])
    if name == "scatter" and known[1] and _sets_a_row(eqn, args):
        return _with_row(args[0], args[1], args[2])
    return _bind(eqn, args)


def _bind(eqn: JaxprEqn, args: list) -> list:
    found = eqn.primitive.bind(*args, **eqn.primitive.get_bind_params(eqn.params))
    return list(found) if eqn.primitive.multiple_results else [found]


def _loop(eqn: JaxprEqn, args: list) -> list:
    a, b = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    asked, done, state = args[:a], args[a : a + b], args[a + b :]
    for _ in range(LONGEST + 1):
        (go_on,) = _follow(eqn.params["cond_jaxpr"], [*asked, *state])
        if not is_concrete(go_on):
            break
        if not go_on:
            return state
        state = _follow(eqn.params["body_jaxpr"], [*done, *state])
    return _bind(eqn, args)


def _weighted(args: list) -> list:
    """A sum of rows by known weights; those that are zero are left out."""
    weights, rows = np.asarray(args[0]), args[1]
    terms = [float(w) * rows[k] for k, w in enumerate(weights) if w != 0]
    return [sum(terms[1:], terms[0]) if terms else jnp.zeros_like(rows[0])]


def _sets_a_row(eqn: JaxprEqn, args: list) -> bool:
    rows, index, row = args
    numbers = eqn.params["dimension_numbers"]
    whole = numbers.inserted_window_dims == (0,) == numbers.scatter_dims_to_operand_dims
    return whole and np.shape(index) == (1,) and row.shape == rows.shape[1:]


def _with_row(rows: Any, index: Any, row: Any) -> list:
    k = int(np.asarray(index).item())
    return [jnp.concatenate([rows[:k], row[None], rows[k + 1 :]])]
