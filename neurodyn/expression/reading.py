"""Equations typed as text become SymPy expressions, without being evaluated.

    x' = y;  y' = mu*(1 - x^2)*y - x

Python's parser makes a syntax tree of a right side; arithmetic, known names and the functions
below are built up again from SymPy objects, and everything else is refused with its place. (SymPy's
own parser evaluates the text.) SymPy is imported on use: it takes a quarter of a second.
"""

import ast
import dataclasses
import functools
import keyword
import math
import operator
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax.numpy as jnp

from ..activation import hard_sigmoid, logistic, relu
from ..naming import closest

CONSTANTS = {"pi": math.pi, "e": math.e}
_SAME_NAME = ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sign")
SYMPY_FUNCTIONS = {name: name for name in _SAME_NAME} | {"abs": "Abs", "heaviside": "Heaviside"}
OUR_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": lambda *values: functools.reduce(jnp.minimum, values),
    "max": lambda *values: functools.reduce(jnp.maximum, values),
    "logistic": logistic,
    "hard_sigmoid": hard_sigmoid,
    "relu": relu,
}
FUNCTIONS = (*SYMPY_FUNCTIONS, *OUR_FUNCTIONS)
RESERVED = (*FUNCTIONS, *CONSTANTS)

MOST = 100  # equations
LONGEST = 2000  # characters of an equation
DEEPEST = 50  # terms inside each other, through which SymPy recurses
LARGEST_WHOLE = 2**31  # JAX takes whole numbers below it in float32 too
TOO_DEEP = f"more than {DEEPEST} terms lie inside each other; split the equation"

_LEFT_SIDE = re.compile(r"(\w+)\s*['′]|d(\w+)\s*/\s*dt")
_WORD = re.compile(r"[^\W\d]\w*")
_STRAY = re.compile(r"[^\w \t+\-*/().,]")
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def normal_name(name: str) -> str:
    """`name` in the form that Python gives it: there are two letters µ."""
    return unicodedata.normalize("NFKC", name)


def not_known(name: str, known: Iterable[str]) -> str:
    """What to do about a name that is neither a variable nor a parameter."""
    return (
        f"{closest(name, known)} Or give it as a parameter, {name}=1.0 (on the command line, "
        f"--set {name}=1.0)"
    )


def split_equations(text: str) -> tuple["Equation", ...]:
    """The equations of a text, separated by `;` or new lines, with their left sides read.

    Raises `ValueError` for a left side that is not x' or dx/dt, or that comes twice.
    """
    lines = [line for line in re.split(r"[;\r\n]", text) if line.strip()]
    if not 0 < len(lines) <= MOST:
        raise ValueError(
            f"text holds {len(lines)} equations: give 1 to {MOST}, such as \"x' = y; y' = -x\"."
        )
    equations: dict[str, Equation] = {}
    for equation in map(_split, lines):
        if equation.variable in equations:
            raise equation.refuse(f"{equation.variable!r} already has an equation")
        equations[equation.variable] = equation
    return tuple(equations.values())


def _split(text: str) -> "Equation":
    """An equation, its left side read and its right side not yet."""
    text = text.strip().replace("^", "**")
    left, equals, right = text.partition("=")
    match = _LEFT_SIDE.fullmatch(left.strip())
    name = normal_name(match[1] or match[2]) if match else ""
    equation = Equation(text, name, right.strip(), len(text) - len(right.lstrip()))
    if len(text) > LONGEST:
        raise equation.refuse(f"it has {len(text)} characters, more than {LONGEST}")
    if not equals:
        raise equation.refuse("there is no '='; write x' = … or dx/dt = …")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise equation.refuse(f"its left side {left.strip()!r} is not x' or dx/dt of a name")
    if name in RESERVED:
        raise equation.refuse(f"{name!r} is the name of a function or constant; choose another")
    if not equation.right:
        raise equation.refuse("there is nothing after '='")
    return equation


@dataclasses.dataclass(frozen=True)
class Equation:
    """One equation: its `text`, its `variable`, the `right` side, and where in `text` it starts."""

    text: str
    variable: str
    right: str
    start: int

    def refuse(self, reason: str, at: ast.expr | int | None = None) -> ValueError:
        """What is wrong, and in which column: `at` a node, or so many characters to the right."""
        if isinstance(at, ast.AST):
            at = len(self.right.encode()[: at.col_offset].decode())  # Python counts bytes
        column = "" if at is None else f" (column {self.start + at + 1})"
        shown = self.text if len(self.text) <= 80 else f"{self.text[:79]}…"
        return ValueError(f'cannot read "{shown}": {reason}{column}.')

    def read(self, names: tuple[str, ...]) -> Any:
        """The right side as a SymPy expression in `names`."""
        import sympy

        self._check_words()
        self._check_brackets()
        try:
            tree = ast.parse(self.right, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise self._unexpected((getattr(error, "offset", None) or 1) - 1) from None
        symbols = {name: sympy.Symbol(name, real=True) for name in names}
        with sympy.evaluate(False):
            return self._value(tree.body, symbols, DEEPEST)

    def _check_words(self) -> None:
        for word in _WORD.finditer(self.right):
            if keyword.iskeyword(word[0]):
                raise self.refuse(f"{word[0]!r} is a word of Python, not a name", word.start())
        stray = _STRAY.search(self.right)
        if stray:
            raise self.refuse(f"{stray[0]!r} has no meaning here", stray.start())

    def _check_brackets(self) -> None:
        opened = []
        for place, character in enumerate(self.right):
            if character == "(":
                opened.append(place)
            elif character == ")":
                if not opened:
                    raise self.refuse("')' closes no '('", place)
                opened.pop()
            if len(opened) > DEEPEST:
                raise self.refuse(TOO_DEEP, place)
        if opened:
            raise self.refuse("'(' was never closed", opened[-1])

    def _unexpected(self, place: int) -> ValueError:
        word = re.match(r"\s*(\w+|.)", self.right[place:])
        if not word or self.right[-1] in "+-*/,.":
            return self.refuse("it ends too early")
        reason = f"{word[1]!r} is not expected; is an operator such as * missing?"
        return self.refuse(reason, place + word.start(1))

    def _value(self, node: ast.expr, symbols: Mapping[str, Any], depth: int) -> Any:
        """A syntax tree as an expression. Sums and products of any length are one level."""
        if not depth:
            raise self.refuse(TOO_DEEP, node)
        spine = []
        while isinstance(node, ast.BinOp):
            spine.append(node)
            node = node.left
        value = self._single(node, symbols, depth - 1)
        for above in reversed(spine):
            value = self._combined(above, value, self._value(above.right, symbols, depth - 1))
        return value

    def _single(self, node: ast.expr, symbols: Mapping[str, Any], depth: int) -> Any:
        match node:
            case ast.Constant(value=int() | float()):  # of True and False, _check_words knows
                return self._number(node, lambda: node.value)
            case ast.Name():
                return self._named(node, symbols)
            case ast.UnaryOp(op=ast.UAdd()):
                return self._value(node.operand, symbols, depth)
            case ast.UnaryOp(op=ast.USub()):
                return -self._value(node.operand, symbols, depth)
            case ast.Call():
                return self._called(node, symbols, depth)
        raise self.refuse("only arithmetic and calls of functions can be read", node)

    def _combined(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        import sympy

        kind = type(node.op)
        if kind not in _OPERATORS:
            raise self.refuse("the operators are + - * / ^", node.right)
        if right.is_Number and (left.is_Number or (kind is ast.Div and not right)):
            operation = _OPERATORS[kind]
            return self._number(node, lambda: operation(float(left), float(right)))
        if kind is ast.Pow:
            return left**right
        if kind in (ast.Add, ast.Sub):
            return sympy.Add(*sympy.Add.make_args(left), right if kind is ast.Add else -right)
        factor = right if kind is ast.Mult else sympy.Pow(right, -1)
        return sympy.Mul(*sympy.Mul.make_args(left), factor)

    def _number(self, node: ast.expr, compute: Callable[[], Any]) -> Any:
        """A real number, whole where it can be: x^2 is then a product."""
        import sympy

        try:
            value = float(compute())
        except (OverflowError, ZeroDivisionError, TypeError):  # TypeError: of a complex number
            value = math.nan
        if not math.isfinite(value):
            raise self.refuse("this is not a real, finite number", node)
        whole = value.is_integer() and abs(value) < LARGEST_WHOLE
        return sympy.Integer(int(value)) if whole else sympy.Float(value)

    def _named(self, node: ast.Name, symbols: Mapping[str, Any]) -> Any:
        name = node.id
        if name in symbols:
            return symbols[name]
        if name in CONSTANTS:
            return self._number(node, lambda: CONSTANTS[name])
        if name in FUNCTIONS:
            raise self.refuse(f"{name!r} is a function; write {name}(…)", node)
        if name == "t":
            raise self.refuse("the time t may not appear; make it a state by t' = 1", node)
        raise self.refuse(f"unknown name {name!r}; {not_known(name, symbols)}", node)

    def _called(self, node: ast.Call, symbols: Mapping[str, Any], depth: int) -> Any:
        import sympy

        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if not name or name in symbols or name in CONSTANTS:
            what = repr(name) if name else "this"
            raise self.refuse(f"{what} is not a function; write products with *", node)
        if name not in FUNCTIONS:
            raise self.refuse(f"unknown function {name!r}; {closest(name, FUNCTIONS)[:-1]}", node)
        wanted = "two or more numbers" if name in ("min", "max") else "one number"
        if node.keywords or min(len(node.args), 2) != (1 if wanted == "one number" else 2):
            raise self.refuse(f"{name!r} takes {wanted}", node)
        values = [self._value(argument, symbols, depth) for argument in node.args]
        values = [sympy.Float(value) if value.is_Number else value for value in values]
        if name in OUR_FUNCTIONS:
            return sympy.Function(name)(*values)
        return getattr(sympy, SYMPY_FUNCTIONS[name])(*values)
