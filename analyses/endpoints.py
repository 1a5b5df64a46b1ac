"""End points of learning: integrated to rest beside certified, over many random rational starts."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import diffrax
import numpy as np

import neurodyn as nd
from neurodyn import plot

TOL = 1e-11
"""The residual at rest that is asked for."""

CLOSE = 1e-8
"""How far the two ends may be apart, relative to 1 + |weight|."""

METHOD = nd.Relax(accuracy=1e-10, solver=diffrax.Dopri8())
"""Errors along a curve of fixed points are never undone, so that every step must be accurate."""


def tenths(rng: np.random.Generator, low: float, high: float, shape: Any) -> np.ndarray:
    """Random multiples of 1/10 from `low` to `high`, as whole numbers of tenths."""
    return rng.integers(round(10 * low), round(10 * high), shape, endpoint=True)


def signed_tenths(rng: np.random.Generator, low: float, high: float, shape: Any) -> np.ndarray:
    """The same with random signs."""
    return tenths(rng, low, high, shape) * rng.choice([-1, 1], shape)


def exact(row: Any) -> Any:
    """Tenths as fractions, in tuples like the rows of the array."""
    if np.ndim(row):
        return tuple(exact(entry) for entry in row)
    return Fraction(int(row), 10)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Integrated against certified ends, one entry for each run.

    **Fields:** `weights`, (runs, n), `verdict` and `residual` of the integration; `kind`, that of
    the certified end, and the `rate` of the approach to it; `gap`, the largest difference of a
    weight relative to 1 + |weight|, NaN where there is no end.
    """

    weights: np.ndarray
    verdict: np.ndarray
    residual: np.ndarray
    kind: np.ndarray
    rate: np.ndarray
    gap: np.ndarray

    @property
    def agree(self) -> np.ndarray:
        """Within `CLOSE` of the certified end."""
        return self.gap <= CLOSE

    @property
    def settled(self) -> np.ndarray:
        """With a residual of at most `TOL`."""
        return self.verdict == "settled"

    def numbers(self) -> dict[str, Any]:
        """The counts and the worst, and what is known of every run that is not as certified."""
        as_certified = np.where(self.kind == "diverges", ~self.settled, self.agree & self.settled)
        others = [
            {
                "run": int(i),
                "verdict": str(self.verdict[i]),
                "kind": str(self.kind[i]),
                "rate": float(self.rate[i]),
                "gap": float(self.gap[i]),
                "residual": float(self.residual[i]),
            }
            for i in np.flatnonzero(~as_certified)
        ]
        return {
            "runs": len(self.gap),
            "agree": int(self.agree.sum()),
            "settled": int(self.settled.sum()),
            "worst gap": float(self.gap[self.agree].max(initial=0)),
            "slowest rate": float(np.abs(self.rate[self.agree]).min(initial=np.inf)),
            "fastest rate": float(np.abs(self.rate[self.agree]).max(initial=0)),
            "kinds": counted(self.kind),
            "verdicts": counted(self.verdict),
            "others": others,
        }


def compare(
    found: nd.Settled, weights: Any, ends: Sequence[Any], kinds: Sequence[str], rates: Sequence[Any]
) -> Comparison:
    """`weights`, (runs, n), where the integration came to rest, against `ends`, (runs, n)."""
    wanted = np.array([[float(w) for w in end] for end in ends])
    with np.errstate(invalid="ignore"):
        gap = np.max(np.abs(np.asarray(weights) - wanted) / (1 + np.abs(wanted)), axis=1)
    return Comparison(
        weights=np.asarray(weights),
        verdict=nd.verdict_names(found.verdict),
        residual=np.asarray(found.residual),
        kind=np.array(kinds),
        rate=np.array([np.nan if rate is None else float(rate) for rate in rates]),
        gap=gap,
    )


def in_words(runs: Sequence[Comparison]) -> tuple[str, str]:
    """How many of the runs end where certified, and why some did not settle, if any."""
    agree, settled, gap, rate, residual = (
        np.concatenate([getattr(run, name) for run in runs])
        for name in ("agree", "settled", "gap", "rate", "residual")
    )
    told = f"{agree.sum()} of {agree.size} end there, worst gap {gap[agree].max(initial=0):.0e}"
    slack = agree & ~settled
    if not slack.any():
        return told, ""
    return told, (
        f"{slack.sum()} with a residual of up to {residual[slack].max():.0e}, not {TOL:g}: rates "
        f"from {np.abs(rate[slack]).min():.0f} on magnify rounding"
    )


def counted(names: np.ndarray) -> dict[str, int]:
    """How often each name occurs."""
    return {
        str(name): int(n) for name, n in zip(*np.unique(names, return_counts=True), strict=True)
    }


def scatter(ax: Any, comparison: Comparison, title: str, marker: str = ".", **look: Any) -> None:
    """The gap of every run against its transverse rate; gaps below rounding on the lowest line."""
    rate, gap = np.abs(comparison.rate), np.maximum(comparison.gap, 2e-15)
    look = {"color": plot.BLUE, "markersize": 3, "alpha": 0.6, **look}
    ax.loglog(rate, gap, marker, **look)
    ax.set(ylim=(1e-15, 1e-7), title=title, xlabel="transverse rate |F′(τ*)|")


def guides(ax: Any) -> None:
    """What the tolerance leads to expect of the gaps, and what is asked of them."""
    ends = np.array(ax.get_xlim())
    ax.loglog(
        ends, TOL / ends, color=plot.ORANGE, linestyle="--", label="residual asked for / rate"
    )
    ax.axhline(CLOSE, color=plot.RED, linestyle=":", label="agreement asked for")
    ax.set_xlim(ends)
