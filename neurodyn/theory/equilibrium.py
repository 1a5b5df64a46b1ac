"""Fixed points that depend on parameters, differentiated exactly: the algebra of [003 App A].

A vector field μ(θ, s) settles at s⁰(θ) with μ(θ, s⁰) = 0, and the objective is J(θ) = C(θ, s⁰(θ)).
A nudge replaces μ by μ − β ∂C/∂s and moves the fixed point to s^β. Everything here is SymPy: the
states, the parameters and the coefficients may be symbols, rationals or a mixture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import sympy as sp

Point = Mapping[Any, Any]
"""Values for symbols: a fixed point, and numbers for parameters where these are fixed."""
BETA = sp.Symbol("beta", real=True)
"""The influence parameter β."""


@dataclass(frozen=True)
class FixedPointSystem:
    """A vector field μ(θ, s) with a cost C(θ, s), and its gradients at a fixed point.

    **Fields:** `field`, one expression for each state; `states` and `parameters`, symbols;
    `cost`, an expression. Every method takes `at`, the fixed point as a mapping of symbols to
    values (states, and parameters where these are numbers). Rows and columns are as in the
    paper: ∂C/∂s and ∂C/∂θ are rows, ∂μ/∂s and ∂μ/∂θ have a row for each state.

    ```
    >>> s, w = sp.symbols("s w")
    >>> system = FixedPointSystem((w - s,), (s,), (w,), (s - 1) ** 2 / 2)
    >>> system.gradient({s: w}), system.proxy({s: w})
    (Matrix([[w - 1]]), Matrix([[1 - w]]))

    ```
    """

    field: tuple[sp.Expr, ...]
    states: tuple[sp.Symbol, ...]
    parameters: tuple[sp.Symbol, ...]
    cost: sp.Expr

    def __post_init__(self) -> None:
        if not self.states or len(self.field) != len(self.states):
            raise ValueError(
                f"field has {len(self.field)} components and states has {len(self.states)}: "
                "give one component for each state, and at least one state."
            )
        both = set(self.states) & set(self.parameters)
        if both:
            raise ValueError(f"{min(map(str, both))} is a state and a parameter: rename one.")

    def jacobian(self, at: Point) -> sp.Matrix:
        """∂μ/∂s at the point."""
        return put(sp.Matrix(self.field).jacobian(self.states), at)

    def sensitivity(self, at: Point) -> sp.Matrix:
        """∂μ/∂θ at the point."""
        return put(sp.Matrix(self.field).jacobian(self.parameters), at)

    def cost_by_state(self, at: Point) -> sp.Matrix:
        """∂C/∂s at the point, a row."""
        return put(sp.Matrix([self.cost]).jacobian(self.states), at)

    def cost_by_parameter(self, at: Point) -> sp.Matrix:
        """∂C/∂θ at the point, a row, without the path through s⁰."""
        return put(sp.Matrix([self.cost]).jacobian(self.parameters), at)

    def gradient(self, at: Point) -> sp.Matrix:
        """∂J/∂θ, a row [003 Eq 32]; `ValueError` if the Jacobian is singular there."""
        through = self.cost_by_state(at) * inverse(self.jacobian(at)) * self.sensitivity(at)
        return self.cost_by_parameter(at) - through

    def proxy(self, at: Point) -> sp.Matrix:
        """The learning signal ν of two plain phases, a row [003 Eq 33]; ≈ −∂J/∂θ."""
        through = self.cost_by_state(at) * inverse(self.jacobian(at)).T * self.sensitivity(at)
        return through - self.cost_by_parameter(at)

    def contrast(self, response: sp.Matrix, at: Point) -> sp.Matrix:
        """−∂C/∂θ + (∂μ/∂θ)ᵀ·`response`, a row: ν by its definition [003 Eq 26]."""
        return response.T * self.sensitivity(at) - self.cost_by_parameter(at)

    def nudged(self) -> tuple[sp.Expr, ...]:
        """The field of the second phase, μ − β ∂C/∂s, with β the symbol `BETA` [003 Eq 24]."""
        pairs = zip(self.field, self.states, strict=True)
        return tuple(mu - BETA * sp.diff(self.cost, s) for mu, s in pairs)

    def exactly_nudged(self, at: Point) -> tuple[sp.Expr, ...]:
        """The nudged field with (Jᵀ − J)(s − s⁰) added, J the Jacobian at the free fixed point."""
        jacobian = self.jacobian(at)
        moved = sp.Matrix([s - sp.sympify(at[s]) for s in self.states])
        added = (jacobian.T - jacobian) * moved
        return tuple(mu + extra for mu, extra in zip(self.nudged(), added, strict=True))


def leaky(
    weights: Sequence[Sequence[Any]],
    states: Sequence[sp.Expr],
    activation: Callable[[sp.Expr], sp.Expr],
    inputs: Sequence[Any] = (),
) -> tuple[sp.Expr, ...]:
    """The leaky integrator μ_i = Σ_j W_ij ρ(s_j) − s_i [003 Eq 3].

    `weights` has a row for each state and a column for each state and then each clamped input.

    ```
    >>> a, b = sp.symbols("a b")
    >>> leaky([[0, 2, 0], [3, 0, 5]], (a, b), lambda u: u, inputs=[1])
    (-a + 2*b, 3*a - b + 5)

    ```
    """
    sources = [activation(sp.sympify(s)) for s in (*states, *inputs)]
    rows = [list(row) for row in weights]
    if len(rows) != len(states) or any(len(row) != len(sources) for row in rows):
        raise ValueError(
            f"weights must have {len(states)} rows (one for each state) of {len(sources)} numbers "
            "(one for each state, then one for each input)."
        )
    pairs = zip(rows, states, strict=True)
    return tuple(
        sp.Add(*(sp.sympify(w) * r for w, r in zip(row, sources, strict=True))) - s
        for row, s in pairs
    )


def hard_sigmoid(u: sp.Expr) -> sp.Expr:
    """The activation 0 ∨ u ∧ 1 of [003 App C]."""
    return sp.Piecewise((0, u < 0), (u, u <= 1), (1, True))


def squared_error(outputs: Sequence[sp.Expr], targets: Sequence[Any]) -> sp.Expr:
    """The cost ½‖y − h₀‖² [003 Eq 10]."""
    if len(outputs) != len(targets):
        raise ValueError(f"targets must have {len(outputs)} numbers, one for each output.")
    pairs = zip(outputs, targets, strict=True)
    return sp.Add(*((sp.sympify(y) - h) ** 2 for h, y in pairs)) / 2


def generic_system(
    states: int, parameters: int, order: int = 2
) -> tuple[FixedPointSystem, dict[sp.Symbol, int]]:
    """A system with a symbol for every Taylor coefficient up to `order`, and its fixed point, 0.

    A derivative of the fixed point of order k depends on the field through its Taylor polynomial
    of order k alone, so an identity of such derivatives that holds here holds for every smooth
    field of this size (a translation moves any fixed point to 0).
    """
    if states < 1 or parameters < 0 or order < 1:
        raise ValueError("generic_system needs states ≥ 1, parameters ≥ 0 and order ≥ 1.")
    s = sp.symbols(f"s0:{states}")
    theta = sp.symbols(f"theta0:{parameters}") if parameters else ()
    variables = (*s, *theta)
    field = tuple(generic_polynomial(f"m{i}", variables, order) for i in range(states))
    cost = generic_polynomial("c", variables, order)
    system = FixedPointSystem(field, tuple(s), tuple(theta), cost)
    return system, dict.fromkeys(variables, 0)


def fixed_point_series(
    field: Sequence[sp.Expr],
    states: Sequence[sp.Symbol],
    parameter: sp.Symbol,
    at: Point,
    order: int = 1,
) -> list[sp.Matrix]:
    """Taylor coefficients 1..`order` of the fixed point along `parameter`, from the definition.

    Puts s = s⁰ + Σ_k x_k ε^k and p = p⁰ + ε into `field` = 0 and solves for one x_k after another;
    `parameter` starts from its value in `at`, or from 0. `ValueError` where the equations have no
    unique solution, which is where the Jacobian is singular.

    ```
    >>> s, p = sp.symbols("s p")
    >>> fixed_point_series([p + s**2 - s], [s], p, {s: 0}, order=3)
    [Matrix([[1]]), Matrix([[1]]), Matrix([[2]])]

    ```
    """
    if order < 1 or any(s not in at for s in states):
        raise ValueError("fixed_point_series needs order ≥ 1 and a value in `at` for each state.")
    epsilon = sp.Symbol("epsilon")
    fixed = {k: sp.sympify(v) for k, v in at.items() if k not in states and k != parameter}
    path = sp.Matrix([sp.sympify(at[s]) for s in states])
    start = sp.sympify(at.get(parameter, 0))
    found: list[sp.Matrix] = []
    for k in range(1, order + 1):
        unknown = sp.symbols(f"x{k}_0:{len(states)}")
        trial = path + sp.Matrix(unknown) * epsilon**k
        values = {**fixed, parameter: start + epsilon, **dict(zip(states, trial, strict=True))}
        along: list[Any] = [put(mu, values) for mu in field]
        equations = [sp.expand(sp.diff(mu, epsilon, k).subs(epsilon, 0)) for mu in along]
        solutions = sp.linsolve(equations, *unknown)
        solution = next(iter(solutions), None)
        if solution is None or solution.has(*unknown):
            raise ValueError(
                "the Jacobian is singular at this point: the fixed point has no slope."
            )
        found.append(sp.Matrix(solution))
        path = path + found[-1] * epsilon**k
    return found


def inverse(matrix: Any) -> Any:
    """The inverse by the adjugate, which stays short for symbols; `ValueError` if singular.

    A matrix symbol of unknown size has the inverse that SymPy writes for it.
    """
    if not isinstance(matrix, sp.MatrixBase):
        return matrix.inv()
    determinant = sp.expand(matrix.det())
    if determinant == 0:
        raise ValueError("the Jacobian is singular at this point: it has no inverse.")
    return matrix.adjugate() / determinant


def for_every_size(identity: Callable[[Any, Any, Any, Any], Any]) -> bool:
    """Whether an expression in ∂C/∂θ, ∂C/∂s (rows), ∂μ/∂s and ∂μ/∂θ is zero by matrix algebra.

    The arguments are matrix symbols for n states and m parameters, with n and m symbols too, so
    that an identity that holds here holds for every size.

    ```
    >>> for_every_size(lambda c_theta, c_s, jac, mu_theta: jac * (jac.I * mu_theta) - mu_theta)
    True

    ```
    """
    n, m = sp.symbols("n m", integer=True, positive=True)
    sizes = {"c_theta": (1, m), "c_s": (1, n), "jac": (n, n), "mu_theta": (n, m)}
    symbols = [sp.MatrixSymbol(name, *size) for name, size in sizes.items()]
    return isinstance(sp.expand(identity(*symbols).doit()).doit(), sp.ZeroMatrix)


def is_hurwitz(matrix: sp.Matrix) -> bool:
    """Whether every eigenvalue of a rational matrix has negative real part (Routh and Hurwitz).

    ```
    >>> is_hurwitz(sp.Matrix([[-1, 4], [0, -1]])), is_hurwitz(sp.Matrix([[0, 1], [-1, 0]]))
    (True, False)

    ```
    """
    if not all(sp.sympify(entry).is_Rational for entry in matrix.flat()):
        raise ValueError("is_hurwitz needs a matrix of rationals: put numbers for the symbols.")
    coefficients = matrix.charpoly().all_coeffs()
    n = len(coefficients) - 1

    def entry(i: int, j: int) -> sp.Expr:
        k = 2 * (j + 1) - (i + 1)
        return coefficients[k] if 0 <= k <= n else sp.S.Zero

    minors: list[Any] = [sp.Matrix(k, k, entry).det() for k in range(1, n + 1)]
    return all(minor.is_positive for minor in minors)


def vanishes(expression: Any) -> bool:
    """Whether an expression, or every entry of a matrix, is zero as a rational function."""
    entries = expression if isinstance(expression, sp.MatrixBase) else [sp.sympify(expression)]
    return all(sp.expand(sp.fraction(sp.together(e))[0]) == 0 for e in entries)


def put(expression: Any, values: Point) -> Any:
    """`expression`, or a matrix, with all the `values` put in at once."""
    entries = expression if isinstance(expression, sp.MatrixBase) else sp.sympify(expression)
    return entries.subs(dict(values), simultaneous=True)


def require(condition: Any, what: str) -> None:
    """`ArithmeticError` where a counter-example misses a hypothesis: `what` must be true of it."""
    if not bool(condition):
        raise ArithmeticError(f"this example refutes nothing: it must be that {what}.")


def generic_polynomial(
    name: str, variables: Sequence[sp.Symbol], order: int, lowest: int = 1
) -> sp.Expr:
    """The polynomial with a symbol for every coefficient of degree `lowest` to `order`."""
    terms = []
    for degree in range(lowest, order + 1):
        for chosen in combinations_with_replacement(range(len(variables)), degree):
            label = "_".join(map(str, chosen))
            monomial = sp.Mul(*(variables[i] for i in chosen))
            terms.append(sp.Symbol(f"{name}_{label}") * monomial)
    return sp.Add(*terms)
