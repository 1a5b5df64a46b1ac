"""A field of symbolic expressions, from text, from SymPy, or a classic system by its name.

SymPy writes the code that JAX runs, in names of its own making: none that was given gets into it.
"""

import functools
import keyword
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..aliases import Scalar, Time
from ..field import AbstractField, is_concrete
from ..naming import closest
from ..systems.classic import planar_named
from .reading import (
    LARGEST_WHOLE,
    OUR_FUNCTIONS,
    RESERVED,
    normal_name,
    not_known,
    split_equations,
)


def _scalars(numbers: Mapping[str, Any]) -> dict[str, Array]:
    # of one dtype in full: a Python float would be a weak one, and traced apart from an array
    dtype = jnp.result_type(float)
    return {name: jnp.asarray(number, dtype) for name, number in numbers.items()}


class SymbolicField(AbstractField):
    """A field of symbolic expressions; `field_from_text` and `field_from_sympy` make one.

    **Fields:** `variables`, the names of the n entries of the state, in order; `expressions`, the
    right sides as SymPy expressions; `parameters`, numbers by name, which are leaves: gradients
    see them, and changing one compiles nothing anew.
    """

    variables: tuple[str, ...] = eqx.field(static=True)
    expressions: tuple[Any, ...] = eqx.field(static=True)
    parameters: dict[str, Scalar] = eqx.field(converter=_scalars)

    def shapes(self) -> tuple[PyTree, PyTree]:
        return jax.ShapeDtypeStruct((len(self.variables),), jnp.result_type(float)), None

    def flow(self, t: Time, state: Float[Array, " n"], drive: None, /) -> Float[Array, " n"]:
        names = tuple(sorted(self.parameters))
        numbers = [self.parameters[name].astype(state.dtype) for name in names]
        rates = _compiled((*self.variables, *names), self.expressions)(*state, *numbers)
        return jnp.stack([jnp.asarray(rate, state.dtype) for rate in rates])


def field_from_text(text: str, /, **parameters: Any) -> SymbolicField:
    """The field of equations typed as text, one for each variable.

    **Arguments:** `text`, equations such as `x' = -x + w*tanh(y)` or `dx/dt = …`, separated by
    `;` or new lines. Their right sides may hold the variables, the parameters, numbers, `pi`,
    `e`, the operators + - * / ^ (or **), and the functions exp, log, sqrt, sin, cos, tan, sinh,
    cosh, tanh, abs, sign, heaviside, min, max, logistic, hard_sigmoid and relu. `parameters`, one
    number for every other name.

    **Returns** a `SymbolicField` on a state (n,), in the order of the equations, without inputs.

    **Raises** `ValueError` or `TypeError`, in one sentence that points at the place, for text that
    cannot be read, names that are unknown, and parameters that are unused or not finite numbers.

    >>> import jax.numpy as jnp, neurodyn as nd
    >>> from neurodyn.expression import field_from_text
    >>> field = field_from_text("x' = y; y' = mu*(1 - x^2)*y - x", mu=1.5)
    >>> field.variables, field(0.0, jnp.array([2.0, 1.0]), None).tolist()
    (('x', 'y'), [1.0, -6.5])
    """
    if not isinstance(text, str):
        raise TypeError(f"text is a {type(text).__name__}: give the equations as a string.")
    parameters = {normal_name(name): value for name, value in parameters.items()}
    equations = split_equations(text)
    variables = tuple(equation.variable for equation in equations)
    _check_parameters(variables, parameters)
    names = (*variables, *parameters)
    return _field(variables, tuple(equation.read(names) for equation in equations), parameters)


def field_from_sympy(equations: Mapping[Any, Any], /, **parameters: Any) -> SymbolicField:
    """The field of SymPy expressions: a mapping of each variable's symbol to its rate of change.

    **Arguments:** `equations`, such as `{x: y, y: -x - d*y}`; `parameters`, one number for the name
    of every other symbol in it.

    **Returns** a `SymbolicField` on a state (n,), in the order of the mapping, without inputs.

    **Raises** `ValueError` or `TypeError` for what is not a real expression in the variables and
    parameters, or what JAX cannot compute.

    >>> import jax.numpy as jnp, sympy
    >>> from neurodyn.expression import field_from_sympy
    >>> x, y, d = sympy.symbols("x y d")
    >>> field_from_sympy({x: y, y: -x - d * y}, d=0.5)(0.0, jnp.array([2.0, 1.0]), None).tolist()
    [1.0, -2.5]
    """
    import sympy

    if not (equations and isinstance(equations, Mapping)) or not all(
        isinstance(symbol, sympy.Symbol) for symbol in equations
    ):
        raise TypeError("equations must map SymPy symbols to expressions, as {x: y, y: -x}.")
    variables = tuple(symbol.name for symbol in equations)
    expressions = tuple(_expression(*item) for item in equations.items())
    _check_parameters(variables, parameters)
    symbols = set(equations).union(*(expression.free_symbols for expression in expressions))
    names = {symbol.name for symbol in symbols}
    if len(names) < len(symbols):
        raise ValueError("equations hold two symbols of one name: make each symbol once.")
    known = (*variables, *parameters)
    for name in sorted(names.difference(known)):
        raise ValueError(f"unknown symbol {name!r}: {not_known(name, known)}.")
    field = _field(variables, expressions, parameters)
    try:
        jax.eval_shape(field, 0.0, field.shapes()[0], None)
    except (NotImplementedError, NameError, TypeError, OverflowError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"equations cannot be computed by JAX ({reason}).") from error
    return field


def classic_field(name: str, /, **overrides: Any) -> SymbolicField:
    """The classic system of the plane called `name`, with some of its parameters changed.

    Raises `ValueError` with the nearest known names for an unknown system or parameter.

    >>> from neurodyn.expression import classic_field
    >>> field = classic_field("fitzhugh-nagumo", I=0.0)
    >>> field.variables, float(field.parameters["I"]), float(field.parameters["tau"])
    (('v', 'w'), 0.0, 12.5)
    """
    system = planar_named(name)
    for given in overrides:
        if given not in system.parameters:
            raise ValueError(
                f"{name} has no parameter {given!r}: {closest(given, system.parameters)}"
            )
    return field_from_text(system.equations, **{**system.parameters, **overrides})


def _field(
    variables: tuple[str, ...], expressions: tuple[Any, ...], parameters: Mapping[str, Any]
) -> SymbolicField:
    used = {symbol.name for expression in expressions for symbol in expression.free_symbols}
    for name in parameters:
        if name not in used:
            raise ValueError(
                f"parameter {name!r} is in no equation: leave it out, or correct its name."
            )
    return SymbolicField(variables, expressions, dict(parameters))


@functools.lru_cache(maxsize=256)
def _compiled(names: tuple[str, ...], expressions: tuple[Any, ...]) -> Callable[..., list]:
    """The expressions as a function of numbers in the order of `names`."""
    import sympy

    symbols = {s.name: s for expression in expressions for s in expression.free_symbols}
    arguments = [symbols.get(name, sympy.Dummy()) for name in names]
    with sympy.evaluate(False):  # compute what is written, not what SymPy makes of it
        return sympy.lambdify(
            arguments,
            [_in_full(expression) for expression in expressions],
            modules=[{**OUR_FUNCTIONS, "erf": jax.scipy.special.erf}, "jax"],
            cse=True,
            dummify=True,  # no name that was given gets into the code
        )


def _in_full(expression: Any) -> Any:
    """`expression` with all digits of its numbers, of which SymPy would write only 15."""
    import sympy

    numbers = expression.atoms(sympy.Float, sympy.Integer)
    return expression.xreplace(
        {n: sympy.Float(n, 17) for n in numbers if n.is_Float or abs(n) >= LARGEST_WHOLE}
    )


def _expression(symbol: Any, given: Any) -> Any:
    """`given` as a real SymPy expression; text is not taken, since SymPy would evaluate it."""
    import sympy
    from sympy.core.function import AppliedUndef

    try:
        expression = sympy.sympify(given, strict=True)
    except sympy.SympifyError:
        expression = None
    if not isinstance(expression, sympy.Expr) or expression.is_Matrix:
        raise TypeError(
            f"the rate of {symbol.name!r} is {given!r}: give a SymPy expression, or use "
            "field_from_text for text."
        )
    if expression.has(sympy.I, sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        raise ValueError(f"the rate of {symbol.name!r} is {given}: it must be real and finite.")
    for function in sorted({each.func.__name__ for each in expression.atoms(AppliedUndef)}):
        if function not in OUR_FUNCTIONS:
            raise ValueError(f"unknown function {function!r}: {closest(function, OUR_FUNCTIONS)}")
    return expression


def _check_parameters(variables: tuple[str, ...], parameters: Mapping[str, Any]) -> None:
    for name, value in parameters.items():
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"parameter {name!r} is not a name: use letters, digits and _.")
        if name in variables or name in RESERVED:
            kind = "a variable" if name in variables else "the name of a function or constant"
            raise ValueError(f"parameter {name!r} is already {kind}: choose another name.")
        if is_concrete(value):
            _check_number(name, np.asarray(value))


def _check_number(name: str, value: np.ndarray) -> None:
    if value.ndim or not np.issubdtype(value.dtype, np.number) or np.iscomplexobj(value):
        raise TypeError(f"parameter {name!r} is {value.tolist()!r}: give one real number.")
    if not np.isfinite(value):
        raise ValueError(f"parameter {name!r} is {value}: give a finite number.")
