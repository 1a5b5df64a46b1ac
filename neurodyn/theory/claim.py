"""Claims: statements of the papers, each with a check that can fail, and the register of them all.

A claim states what its paper *prints*. Its `printed` check tries exactly that. Where the printed
form is wrong, `corrected` tries the right one. The verdict follows from what the two checks find
in the same run; it is never written down.
"""

import difflib
import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, field


class TheoryVerdict(enum.StrEnum):
    """What the checks of a claim found."""

    PROVED = "proved"
    PROVED_WITH_HYPOTHESIS = "proved with added hypothesis"
    CORRECTED = "corrected"
    REFUTED = "refuted"
    SUPPORTED = "supported"
    BROKEN = "check failed"


@dataclass(frozen=True)
class Evidence:
    """What one check found.

    **Fields:** `holds`, whether the statement tried is true; `method`, how that is known, such as
    "symbolic identity" or "exact counter-example"; `sizes`, the cases covered, such as "L = 2..8"
    or "all values"; `values`, named numbers worth showing (exact ones as strings); `exact`, False
    for anything that rests on floating point: such evidence supports and never proves.
    """

    holds: bool
    method: str
    sizes: str = "all values"
    values: dict[str, object] = field(default_factory=dict)
    exact: bool = True


Check = Callable[[], Evidence]


@dataclass(frozen=True)
class Claim:
    """A statement of a paper with its checks.

    **Fields:** `id`, short and unique, such as "chain-limit"; `source`, paper number and place,
    such as "004 Thm 2"; `statement`, in one line, as the paper prints it; `printed`, its check;
    `corrected`, the check of the right form, where the printed one is wrong; `correction`, that
    form in one line; `hypothesis`, what must be added, if that is all that is wrong; `reason`, in
    a sentence, why the printed form fails; `slow`, left out of the default run.
    """

    id: str
    source: str
    statement: str
    printed: Check
    corrected: Check | None = None
    correction: str = ""
    hypothesis: str = ""
    reason: str = ""
    slow: bool = False

    @property
    def paper(self) -> str:
        """The number of the paper, such as "004"."""
        return self.source.split()[0]


@dataclass(frozen=True)
class Result:
    """A claim after its checks: the verdict, the evidence of each check and the time in seconds."""

    claim: Claim
    verdict: TheoryVerdict
    printed: Evidence
    corrected: Evidence | None
    seconds: float

    @property
    def method(self) -> str:
        """How the verdict is known, with the sizes covered."""
        found = self.corrected or self.printed
        return f"{found.method} ({found.sizes})"


_REGISTER: dict[str, Claim] = {}


def register(claim: Claim) -> Claim:
    """Add `claim` to the register; `ValueError` if its id is taken."""
    if claim.id in _REGISTER:
        raise ValueError(f"there is a claim {claim.id!r} already.")
    _REGISTER[claim.id] = claim
    return claim


def claims(which: str | None = None) -> tuple[Claim, ...]:
    """The registered claims: all, those of one paper ("004"), or the one with that id.

    Ordered by paper, then as registered. Raises `ValueError`, with near matches, for anything
    else.
    """
    ordered = sorted(_REGISTER.values(), key=lambda claim: claim.paper)
    if which is None:
        return tuple(ordered)
    chosen = tuple(c for c in ordered if which in (c.id, c.paper))
    if not chosen:
        papers = sorted({c.paper for c in ordered})
        near = difflib.get_close_matches(which, [*_REGISTER, *papers], n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"papers: {', '.join(papers)}."
        raise ValueError(f"unknown claim {which!r}: {hint}")
    return chosen


def check(claim: Claim) -> Result:
    """Run the checks of `claim` and draw the verdict from what they find."""
    start = time.perf_counter()
    printed = claim.printed()
    corrected = claim.corrected() if claim.corrected is not None else None
    seconds = time.perf_counter() - start
    return Result(claim, _judge(claim, printed, corrected), printed, corrected, seconds)


def _judge(claim: Claim, printed: Evidence, corrected: Evidence | None) -> TheoryVerdict:
    if printed.holds:
        # a corrected form beside a true one means that the claim was written down wrongly
        if corrected is not None:
            return TheoryVerdict.BROKEN
        return TheoryVerdict.PROVED if printed.exact else TheoryVerdict.SUPPORTED
    if corrected is None:
        return TheoryVerdict.REFUTED if printed.exact else TheoryVerdict.BROKEN
    if not corrected.holds:
        return TheoryVerdict.BROKEN
    if not (corrected.exact and printed.exact):
        return TheoryVerdict.SUPPORTED
    if claim.hypothesis:
        return TheoryVerdict.PROVED_WITH_HYPOTHESIS
    return TheoryVerdict.CORRECTED
