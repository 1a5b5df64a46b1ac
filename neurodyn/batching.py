"""What a solver is given, checked in plain words and brought to one leading batch axis.

A field knows ONE sample (`AbstractField.shapes`). A leaf with one axis more than that is batched,
and all batched leaves must agree; a leaf without it is shared by the batch.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jaxtyping import PyTree

from .field import AbstractField, is_concrete

FEWEST = 32
"""Batches of up to so many samples are not made smaller while they run."""

KINDS = 1000
_FITTING: set[Hashable] = set()
"""The kinds of fields, up to `KINDS`, whose flow was seen to be shaped like their state."""


def _as_array(name: str, given: Any) -> jax.Array:
    try:
        return jnp.asarray(given)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is not an array of numbers ({error})") from error


def _all_finite(array: jax.Array) -> bool:
    """Whether no entry is NaN or infinite, as far as that can be known now."""
    # in NumPy: inside `jit`, JAX would trace the question even where the array is concrete
    return not is_concrete(array) or bool(np.isfinite(np.asarray(array)).all())


def _check_flow(field: AbstractField, state_shapes: PyTree, input_shapes: PyTree) -> None:
    """Refuse a field whose flow is not shaped like its state: JAX would broadcast it in silence."""
    kind = _kind((field, state_shapes, input_shapes))
    if kind in _FITTING:  # the question takes longer than a small batch takes to settle
        return
    wanted = jax.tree.leaves(state_shapes)
    if not wanted or not all(leaf.size for leaf in wanted):
        raise ValueError("field has no units: its state must hold at least one number per array.")

    def flow(state, inputs):
        return field.flow(jnp.zeros((), wanted[0].dtype), state, field.drive(inputs))

    found = jax.eval_shape(flow, state_shapes, input_shapes)
    same = jax.tree.structure(found) == jax.tree.structure(state_shapes) and all(
        (a.shape, a.dtype) == (b.shape, b.dtype)
        for a, b in zip(jax.tree.leaves(found), wanted, strict=True)
    )
    if not same:
        raise ValueError(
            f"field returns {_in_words(found)}, but must return {_in_words(state_shapes)}, like "
            "its state and with its dtype."
        )
    if kind is not None:
        if len(_FITTING) >= KINDS:
            _FITTING.clear()
        _FITTING.add(kind)


def _kind(tree: PyTree) -> Hashable | None:
    """What all trees share that are traced alike; None where that cannot be told."""
    leaves, structure = jax.tree.flatten(tree)
    shaped = jax.Array | jax.ShapeDtypeStruct
    told = tuple(
        (leaf.shape, leaf.dtype) if isinstance(leaf, shaped) else (type(leaf), leaf)
        for leaf in leaves
    )
    try:
        hash((structure, told))
    except TypeError:
        return None
    return structure, told


def _check_leaf(name: str, leaf: Any, shape: jax.ShapeDtypeStruct) -> jax.Array:
    """`leaf` as an array of the dtype that the field computes in, or a sentence on why not."""
    given = _as_array(name, leaf)
    if not jnp.issubdtype(given.dtype, jnp.floating):
        raise TypeError(
            f"{name} has dtype {given.dtype}, but a field needs floating numbers: "
            f"convert it, for example {name}.astype({str(shape.dtype)!r})."
        )
    if jnp.finfo(given.dtype).bits > jnp.finfo(shape.dtype).bits:
        raise TypeError(
            f"{name} is {given.dtype} but the field computes in {shape.dtype} and would lose "
            f"digits: cast {name} to {shape.dtype}, or the weights to {given.dtype}."
        )
    n = len(shape.shape)
    if given.ndim not in (n, n + 1) or given.shape[given.ndim - n :] != shape.shape:
        raise ValueError(
            f"{name} has shape {given.shape}, but the field needs {shape.shape} for one sample "
            f"or (batch, {', '.join(map(str, shape.shape))}) for several."
        )
    if not _all_finite(given):
        raise ValueError(f"{name} holds NaN or infinite values: clean it first.")
    return given.astype(shape.dtype)


def check_tree(name: str, tree: PyTree, shapes: PyTree) -> PyTree:
    """`tree` as arrays fit for `shapes`, or a sentence on why not, with its `name`."""
    wanted = jax.tree.structure(shapes)
    if jax.tree_util.treedef_is_leaf(wanted) and isinstance(tree, list):
        tree = _as_array(name, tree)  # plain numbers for a single array
    if wanted != jax.tree.structure(tree):
        raise ValueError(f"{name} must be {_in_words(shapes)}, but is {_in_words(tree)}.")
    several = wanted.num_leaves > 1
    named = [f"{name}{jax.tree_util.keystr(path)}" if several else name for path, _ in _flat(tree)]
    leaves = map(_check_leaf, named, jax.tree.leaves(tree), jax.tree.leaves(shapes))
    return jax.tree.unflatten(wanted, leaves)


def _flat(tree: PyTree) -> list:
    return jax.tree_util.tree_flatten_with_path(tree)[0]


def _in_words(shapes: Any) -> str:
    """What a tree of arrays looks like, in the words of a message."""
    if isinstance(shapes, tuple | list):
        return f"a {type(shapes).__name__} of ({', '.join(map(_in_words, shapes))})"
    shape = getattr(shapes, "shape", None)
    if shape is None:
        return "None" if shapes is None else f"a {type(shapes).__name__}"
    return f"an array of shape {shape}"


def prepare(
    field: AbstractField, state: PyTree, inputs: PyTree
) -> tuple[PyTree, PyTree, int | None]:
    """(state, inputs, batch size) fit for `over_batch`; the batch size is None for one sample.

    `state=None` starts every sample at rest, at zero. Raises `TypeError` for a dtype and
    `ValueError` for a structure, shape or value that does not fit, naming the argument.
    """
    if not isinstance(field, AbstractField):
        raise TypeError(
            f"field is {_in_words(field)}: give a field, or wrap a function in neurodyn.Field."
        )
    state_shapes, input_shapes = field.shapes()
    _check_flow(field, state_shapes, input_shapes)
    weights = jax.tree.leaves(eqx.filter(field, eqx.is_inexact_array))
    if not all(map(_all_finite, weights)):
        raise ValueError("field has weights that are NaN or infinite.")
    if state is None:
        state = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), state_shapes)
    state = check_tree("state0", state, state_shapes)
    inputs = check_tree("inputs", inputs, input_shapes)

    def batch_axis(leaf, shape):
        return leaf.shape[0] if leaf.ndim > len(shape.shape) else None

    sizes = jax.tree.map(batch_axis, (state, inputs), (state_shapes, input_shapes))
    found = set(jax.tree.leaves(sizes))
    if len(found) > 1:
        raise ValueError(f"state0 and inputs hold batches of different sizes: {sorted(found)}.")
    if found == {0}:
        raise ValueError("the batch is empty: give at least one sample.")
    if not found:
        return state, inputs, None
    (batch,) = found

    def batched(leaf, shape):
        return jnp.broadcast_to(leaf, (batch, *shape.shape))

    state, inputs = jax.tree.map(batched, (state, inputs), (state_shapes, input_shapes))
    return state, inputs, batch


def over_batch(function: Callable[[PyTree, PyTree], PyTree], batch: int | None) -> Callable:
    """`function(state, inputs)` of one sample, mapped in lockstep over a batch if there is one."""
    return function if batch is None else jax.vmap(function)


def in_turn(function: Callable[[PyTree, PyTree], PyTree], batch: int | None) -> Callable:
    """`function(state, inputs)` of one sample, for one sample of a batch after the other.

    For work with two or more decompositions of matrices: XLA runs those of a whole batch at once,
    and on few cores each can wait for ever for the threads that the other holds (jaxlib 0.10).
    """
    if batch is None:
        return function
    return lambda state, inputs: jax.lax.map(lambda sample: function(*sample), (state, inputs))


def while_going(
    going: Callable[[PyTree], Any],
    advance: Callable[[PyTree, PyTree], PyTree],
    run: PyTree,
    constants: PyTree,
    by: int = 2,
) -> PyTree:
    """`run = advance(run, constants)` while `going(run)`, for ONE sample.

    What `jax.lax.while_loop` does, but mapped over a batch it makes the batch smaller as samples
    finish: the others are moved together each time that a half of them (or 1/`by`) is left, so that
    few slow samples do not cost as much as many. All arrays that `advance` needs are in `run` and
    `constants`. It cannot be differentiated.
    """

    @custom_vmap
    def loop(run, constants):
        return jax.lax.while_loop(going, lambda r: advance(r, constants), run)

    @loop.def_vmap
    def together(size, batched, run, constants):
        def spread(leaf, there):
            return leaf if there else jnp.broadcast_to(leaf, (size, *jnp.shape(leaf)))

        def moved(run, constants):
            new, on = advance(run, constants), going(run)
            return jax.tree.map(lambda a, b: jnp.where(on, a, b), new, run)

        own = jax.tree.map(lambda there: 0 if there else None, batched[1])
        run, all_going = jax.tree.map(spread, run, batched[0]), jax.vmap(going)
        for count, left in _rounds(size, by):
            rows = jnp.argsort(~all_going(run))[:count]  # those that go first, in their order
            here = jax.tree.map(lambda leaf, rows=rows: leaf[rows], run)
            needs = jax.tree.map(
                lambda leaf, there, rows=rows: leaf[rows] if there else leaf, constants, batched[1]
            )
            here = jax.lax.while_loop(
                lambda r, left=left: all_going(r).sum() > left,
                lambda r, needs=needs: jax.vmap(moved, (0, own))(r, needs),
                here,
            )
            run = jax.tree.map(lambda leaf, new, rows=rows: leaf.at[rows].set(new), run, here)
        return run, jax.tree.map(lambda _: True, run)

    return loop(run, constants)


def _rounds(size: int, by: int) -> Iterator[tuple[int, int]]:
    """How many samples go on together, and at how many left the next, smaller round begins."""
    while size > FEWEST:
        yield size, size // by
        size //= by
    yield size, 0
