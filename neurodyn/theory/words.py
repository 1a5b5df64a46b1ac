"""Matrix identities of every size: polynomials in letters that do not commute.

A letter stands for a matrix, another for its transpose. An identity between such polynomials that
expands to zero holds for all matrices whose sizes fit, so one expansion proves every size.
"""

from collections.abc import Iterable
from typing import Any

import sympy as sp

Swap = dict[Any, Any]


def letters(names: str, symmetric: str = "") -> tuple[list[Any], list[Any], Swap]:
    """Letters for the matrices of `names` and for their transposes, and which belong together.

    Those of `symmetric` are their own transposes and come last.

    >>> (A, S), (At, _), swap = letters("A", symmetric="S")
    >>> transpose(A * S * A, swap)
    Aᵗ*S*Aᵗ
    """
    plain = [sp.Symbol(n, commutative=False) for n in names.split()]
    turned = [sp.Symbol(n + "ᵗ", commutative=False) for n in names.split()]
    own = [sp.Symbol(n, commutative=False) for n in symmetric.split()]
    swap = dict(zip(plain + turned + own, turned + plain + own, strict=True))
    return plain + own, turned + own, swap


def words(expr: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    """The terms of an expanded expression: the coefficient and the letters, inverses included."""
    found = []
    for term in sp.Add.make_args(sp.expand(expr)):
        scalars, factors = term.args_cnc()
        spelled: list[Any] = []
        for factor in factors:
            base, power = factor.as_base_exp()
            spelled += [base if power > 0 else base**-1] * abs(int(power))
        found.append((sp.Mul(*scalars), tuple(spelled)))
    return found


def transpose(expr: Any, swap: Swap) -> Any:
    """The transpose: letters turned and read backwards."""
    return sp.Add(*(c * sp.Mul(*_turned(w, swap)) for c, w in words(expr)))


def derivative(expr: Any, rates: dict[Any, Any]) -> Any:
    """d/dt by the product rule; letters without an entry in `rates` are constant."""
    parts = []
    for c, word in words(expr):
        for i, letter in enumerate(word):
            base, power = letter.as_base_exp()
            # (A⁻¹)′ = −A⁻¹A′A⁻¹
            rate = rates.get(base, 0)
            change = rate if power == 1 else -(letter * rate * letter)
            parts.append(c * sp.Mul(*word[:i]) * change * sp.Mul(*word[i + 1 :]))
    return sp.expand(sp.Add(*parts))


def with_transposes(rates: dict[Any, Any], swap: Swap) -> dict[Any, Any]:
    """The rates, and those of the transposed letters."""
    return rates | {swap[a]: transpose(rate, swap) for a, rate in rates.items()}


def trace(expr: Any, swap: Swap) -> Any:
    """The trace, in a form that is the same for words equal up to rotation and transposition."""
    total = sp.Integer(0)
    for c, word in words(expr):
        turned = _turned(word, swap)
        n = range(max(len(word), 1))
        forms = ["·".join(map(str, w[i:] + w[:i])) for w in (word, turned) for i in n]
        total += c * sp.Symbol(f"tr({min(forms)})")
    return sp.expand(total)


def vanish(differences: Iterable[Any]) -> bool:
    """Whether every one (expression or matrix) expands to exactly zero."""
    for d in differences:
        entries = d.flat() if isinstance(d, sp.MatrixBase) else [d]
        if any(sp.expand(e) != 0 for e in entries):
            return False
    return True


def _turned(word: tuple[Any, ...], swap: Swap) -> tuple[Any, ...]:
    bases = [letter.as_base_exp() for letter in reversed(word)]
    return tuple(swap[base] ** power for base, power in bases)
