"""What a row of the table of goals is: work, what it is held against, and what came out."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .problem import SIZES
from .torch_peers import Torch


class Setup(NamedTuple):
    """How the rows are to be run: `torch` may be None; `quick` means small, and says nothing."""

    torch: Torch | None
    rounds: int
    quick: bool

    @property
    def sizes(self) -> tuple[int, ...]:
        """The layers of the network."""
        return (784, 32, 32, 10) if self.quick else SIZES

    @property
    def batch(self) -> int:
        """The samples of a large batch."""
        return 32 if self.quick else 256


class Goal(NamedTuple):
    """One number: `found`, by method of neurodyn, is asked to be `asked`, if anything is.

    `asked` begins with ≥ or ≤, as in "≥ 100"; `found` is empty where there was nothing to compare.
    """

    work: str
    beside: str
    asked: str
    found: dict[str, float]

    def met(self) -> str:
        """Whether one of the methods reaches it: yes, no, or nothing where nothing is asked."""
        if not self.asked or not self.found:
            return "not run" if self.asked else ""
        sign, bound = self.asked[0], float(self.asked[1:].replace(",", ""))
        reached = [v >= bound if sign == "≥" else v <= bound for v in self.found.values()]
        return "yes" if any(reached) else "no"


class Found(NamedTuple):
    """What one row found: the goals, and the rows of the table behind them, all of one kind."""

    goals: list[Goal]
    rows: list[dict[str, Any]]


Work = Callable[[Setup], Found]
"""A row of the table."""


def shown(number: Any) -> str:
    """A number as it is read best; anything else as it is."""
    if isinstance(number, int):
        return f"{number:,}"
    if not isinstance(number, float):
        return str(number)
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
