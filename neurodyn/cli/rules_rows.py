"""What `neurodyn compare` says of each rule: a line of its table, of its JSON, of its picture."""

from typing import Any, NamedTuple

import numpy as np

from ..alignment import Angle
from ..comparison import Comparison
from . import reading
from .rules_table import Pair

CAPTION = (
    "angle: to minus the exact gradient of the network's own objective, in degrees; of each array: "
    "forward weights first, from the lowest layer up\n"
    "norm: |change| / |gradient|; as β → 0: the power of β that the error falls with, or the angle "
    "that is left, since the limit is another direction; ? where four β tell neither\n"
    "μ: evaluations in all phases, of which free (medians); ms: for all samples, without "
    "compilation; settled: samples, in every phase"
)


class Row(NamedTuple):
    """What became of a pair: the comparison, or why there is none."""

    pair: Pair
    found: Comparison | None
    trouble: str = ""


def degrees(angle: Angle) -> float:
    """The angle itself, NaN where there is none."""
    return reading.degrees(float(angle.cosine))


def mark(pair: Pair, found: Comparison) -> Any:
    """The row of the picture."""
    from ..plot.angles import Mark

    arrays = tuple(degrees(angle) for angle in found.alignment.arrays.values())
    drawn = Mark(*pair, degrees(found.alignment.overall), arrays)
    if found.bias is None:
        return drawn
    betas, errors = found.bias.betas, found.bias.errors
    if found.beta not in betas:
        betas, errors = (found.beta, *betas), (found.error, *errors)
    law = "?" if not found.bias.told else "stays"
    if found.bias.vanishes:
        law = "exact" if np.isnan(found.bias.order) else f"β$^{{{found.bias.order:.2f}}}$"
    return drawn._replace(betas=betas, errors=errors, law=law)


def cells(row: Row) -> list[str]:
    """The row of the table, after the names."""
    found = row.found
    if found is None:
        return ["–"] * 7 + ["none"]
    spent = found.evaluations
    return [
        _short(found.alignment.overall),
        " ".join(map(_short, found.alignment.arrays.values())),
        f"{float(found.alignment.norm_ratio):.3g}",
        _limit_told(found),
        f"{sum(spent.values()):.0f}",
        f"{spent['free']:.0f}" if "free" in spent else "–",
        f"{1000 * found.seconds:.0f}",
        f"{int(found.used.sum())}/{found.used.size}",
    ]


def _short(angle: Angle) -> str:
    value = degrees(angle)
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}" if value >= 1e-3 else "0"


def _limit_told(found: Comparison) -> str:
    """How the error depends on β, or the angle that is left as β → 0."""
    if found.bias is None:
        asked = found.beta is not None
        return "?" if asked else "exact" if found.exact else f"{_short(found.alignment.overall)}°"
    if not found.bias.told:
        return "?"
    if not found.bias.vanishes:
        return f"{_short(found.bias.limit)}°"
    order = found.bias.order
    return "exact" if np.isnan(order) else f"β^{order:.2f}"


def told(row: Row) -> dict[str, Any]:
    """Everything there is to know of a row, ready for JSON."""
    found = row.found
    known: dict[str, Any] = {"network": row.pair.network, "rule": row.pair.rule}
    if found is None:
        return {**known, "trouble": row.trouble}
    bias = found.bias
    return {
        **known,
        "degrees": degrees(found.alignment.overall),
        "arrays": {
            name: {"degrees": degrees(angle), "norm_ratio": float(angle.norm_ratio)}
            for name, angle in found.alignment.arrays.items()
        },
        "norm_ratio": float(found.alignment.norm_ratio),
        "error": found.error,
        "exact": found.exact,
        "bias": bias
        and {
            "betas": list(bias.betas),
            "errors": list(bias.errors),
            "order": bias.order,
            "vanishes": bias.vanishes,
            "limit_degrees": degrees(bias.limit),
            "limit_error": bias.left,
            "limit_doubt": bias.doubt,
        },
        "evaluations": found.evaluations,
        "seconds": found.seconds,
        "verdicts": found.verdicts,
        "used": int(found.used.sum()),
    }
