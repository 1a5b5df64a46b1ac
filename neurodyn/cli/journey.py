"""Where starts go: followed by the solver, and, for learning chains, certified by exact algebra."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import diffrax as dfx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..integrate import integrate, verdict_names
from ..linearise import kind_names, linearise
from ..relax import Relax
from ..settle import settle
from .subject import Subject

TOL = 1e-9  # of the residual
# on a curve of fixed points, errors on the way stay in the end point
METHOD = Relax(accuracy=1e-11, solver=dfx.Dopri8())
DRAWN_TIME = 60.0  # a path that is still on its way after this is cut off
NEAR_REST = 1e-3  # a residual that means a slow approach, not a cycle


@dataclasses.dataclass(frozen=True)
class Journey:
    """One start and where it went.

    **Fields:** `start`, exact; the `verdict` and `time` of `settle`; `end`, where the solver
    stopped; `certified`, the exact end as floats, if theory knows it; `kind`, of that end;
    `path`, (T, n); `resting`, whether `end` is at or near a fixed point.
    """

    start: tuple[Fraction, ...]
    verdict: str
    time: float
    end: Float[np.ndarray, " n"]
    certified: tuple[float, ...] | None
    kind: str
    path: Float[np.ndarray, "T n"]
    resting: bool

    @property
    def difference(self) -> float | None:
        """The largest |end − certified|; None where there is nothing to compare with."""
        if self.certified is None:
            return None
        gap = np.abs(self.end - np.asarray(self.certified))
        return float(gap.max()) if np.isfinite(gap).all() else None


def journeys(subject: Subject, starts: Sequence[tuple[Fraction, ...]]) -> list[Journey]:
    """Follow every start to its end; `starts` hold as many numbers as the state."""
    if not starts:
        return []
    certificates = [certificate(subject.exact, start) for start in starts]
    at = jnp.array([[float(x) for x in start] for start in starts])
    inputs = subject.inputs
    if inputs is not None:
        inputs = jnp.broadcast_to(inputs, (len(starts), *inputs.shape))
    settled = settle(subject.field, inputs, at, tol=TOL, method=METHOD)
    verdicts = verdict_names(settled.verdict)
    lin = linearise(subject.field, settled.state, inputs)
    kinds = kind_names(lin.kind)
    found = []
    for k, (start, (certified, known)) in enumerate(zip(starts, certificates, strict=True)):
        at_rest = str(kinds[k]).replace("_", " ") if verdicts[k] == "settled" else ""
        found.append(
            Journey(
                start=start,
                verdict=str(verdicts[k]),
                time=float(settled.time[k]),
                end=np.asarray(settled.state[k]),
                certified=certified,
                kind=known or at_rest,
                path=_path(subject, at[k], float(settled.time[k]), str(verdicts[k])),
                resting=bool(settled.residual[k] < NEAR_REST),
            )
        )
    return found


def certificate(exact: Any, start: tuple[Fraction, ...]) -> tuple[tuple[float, ...] | None, str]:
    """(the end of learning from `start`, its kind), by exact algebra; (None, "") if unknown."""
    if exact is None or not _same_power(exact, start):
        return None, ""
    limit = exact.limit(start)
    names: dict[str, str] = {
        "semistable": "semistable: algebraic approach",
        "stalls": "stalls: the error stays",
    }
    return tuple(float(weight) for weight in limit.n(17)), names.get(limit.kind, str(limit.kind))


def _same_power(exact: Any, start: tuple[Fraction, ...]) -> bool:
    """Whether theory means the same power: p/q with p or q even is odd here, and not there."""
    from ..theory import PowerChain

    if not isinstance(exact, PowerChain) or start[0] > 0:
        return True
    mu = Fraction(str(exact.mu))
    return mu.denominator == 1 or (mu.numerator % 2 == 1 and mu.denominator % 2 == 1)


def _path(subject: Subject, start: Any, time: float, verdict: str) -> Float[np.ndarray, "T n"]:
    until = min(DRAWN_TIME, time * (0.999 if verdict == "diverged" else 1.0))
    if until <= 0:
        return np.asarray(start)[None]
    early = np.geomspace(until * 1e-6, until, 500, endpoint=False)
    ts = np.union1d(np.linspace(0, until, 1500), early)
    run = integrate(subject.field, start, subject.inputs, ts, rtol=1e-6, atol=1e-8)
    path = np.asarray(run.states)
    return path[np.isfinite(path).all(axis=1)]
