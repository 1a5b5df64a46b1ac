"""`neurodyn compare`: learning rules held against the exact gradient of their networks."""

import dataclasses
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .. import data, record
from ..comparison import Bench, compare_pathway, ladder
from ..cost import SquaredError
from ..files import writable
from ..resting import NotSettledError
from . import networks, rules_rows, rules_table
from .rules_rows import Row, degrees
from .rules_table import FEED_FORWARD, WITHOUT_BETA, Drawing, Pair
from .settle import parse_sizes, require_seed, strict


@dataclasses.dataclass(frozen=True)
class Compare:
    """Hold learning rules against the exact gradient, on the networks that they are for.

    All networks have the same forward weights and see the same images; the cost is half the
    squared error. Each rule's weight change is compared with minus the gradient of its own network:
    the angle, overall and for each array of weights; how its bias falls as the nudge β does, or in
    which other direction its limit lies; how often it evaluates μ, and for how long. The exit code
    is 0 if every sample settled in every phase, 1 if one did not or a rule could not be compared,
    2 for bad input.

    For example:

      neurodyn compare --plot angles.png

      neurodyn compare --system leaky hopfield --beta 0.01 --json

      neurodyn compare --rules ep chl dyadic --sizes 64,32,16,10

      neurodyn compare --system feed-forward --rules random-feedback --seed 3
    """

    data: str = "digits"
    """digits (always there), mnist or fashion-mnist (see --data-path)."""
    data_path: pathlib.Path | None = None
    """Folder of the idx files; by default the environment variable NEURODYN_DATA."""
    sizes: str = "64,32,10"
    """Units of each layer from the input to the output, separated by commas."""
    system: tuple[str, ...] = ()
    """Networks: see settle --list; feed-forward, or FILE.py:NAME; by default those of --list."""
    rules: tuple[str, ...] = ("all",)
    """Rules: see --list; all means each that a network takes."""
    samples: int = 16
    """How many images, from the first of the training set on."""
    beta: float = 0.05
    """Influence parameter β of the rules that nudge, and the share of coupled."""
    activation: str | None = None
    """hard_sigmoid, tanh, logistic, relu, identity or power(3); tanh where the network takes it."""
    tol: float = 1e-10
    """Largest residual max |μ| of a settled sample."""
    max_time: float = 1000.0
    """Give up at this time, in leak time constants."""
    seed: int = 0
    """Seed of the random weights."""
    plot: pathlib.Path | None = None
    """Write a picture (.png, .svg or .pdf): angles, and errors against β."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print the results as JSON instead of a table."""
    list_rules: Annotated[bool, tyro.conf.arg(name="list")] = False
    """Name the rules and leave."""

    def run(self) -> int:
        """Do it; returns the exit code."""
        if self.list_rules:
            rules_table.show(self.as_json)
            return 0
        if self.plot is not None:
            writable(self.plot, (".png", ".svg", ".pdf"))
        run = Comparisons(self)
        if self.as_json:
            print(json.dumps(strict(run.as_dict()), allow_nan=False))
        else:
            run.show()
        if self.plot is not None:
            run.draw(self.plot)
            if not self.as_json:
                print(f"wrote {self.plot}")
        return 0 if run.settled else 1


class Comparisons:
    """The networks, the images and the rules of one command, compared."""

    def __init__(self, config: Compare):
        self.config = config
        sizes = parse_sizes(config.sizes)
        require_seed(config.seed)
        images = data.load(config.data, samples=config.samples, path=config.data_path)
        networks.require_ends(sizes, images)
        self.drawing = Drawing(sizes, config.activation, config.seed)
        self.x, self.y = jnp.asarray(images.images), jnp.asarray(images.targets())
        self.limits: dict[str, float] = {"tol": config.tol, "max_time": config.max_time}
        systems, rules = (_words(words) for words in (config.system, config.rules))
        asked = rules_table.pairs(systems, rules, self.drawing)
        _require_beta(config.beta, config.tol, {pair.rule for pair in asked})
        self.rows = _sorted(list(self._compared(asked)))

    @property
    def settled(self) -> bool:
        """Whether every rule could be compared, and every sample settled in every phase."""
        return all(row.found is not None and row.found.settled for row in self.rows)

    def _compared(self, asked: Sequence[Pair]) -> Iterator[Row]:
        bench, here = None, None
        with Console(stderr=True).status("") as status:
            for k, pair in enumerate(asked, start=1):
                status.update(f"{k} of {len(asked)}: {pair.rule} on {pair.network}")
                if pair.network not in (here, FEED_FORWARD):
                    net, here = self.drawing.make(pair.network), pair.network
                    bench = Bench(net, SquaredError(), self.x, self.y, **self.limits)
                yield self._row(pair, bench)

    def _row(self, pair: Pair, bench: Bench | None) -> Row:
        if bench is None or pair.network == FEED_FORWARD:
            return self._path_row(pair)
        beta = None if pair.rule in WITHOUT_BETA else self.config.beta
        try:
            return Row(pair, bench.compare(pair.rule, beta))
        except (NotSettledError, ValueError) as error:  # as of a fixed point without a gradient
            return Row(pair, None, str(error))

    def _path_row(self, pair: Pair) -> Row:
        path: Any = self.drawing.make(pair.rule)
        try:
            return Row(pair, compare_pathway(path, self.x, self.y, **self.limits))
        except NotSettledError as error:
            return Row(pair, None, str(error))

    def as_dict(self) -> dict[str, Any]:
        """Everything a machine would ask for, ready for JSON."""
        left_out = ("plot", "as_json", "data_path", "list_rules")
        config = dataclasses.asdict(self.config)
        return {
            "command": "compare",
            "config": {key: value for key, value in config.items() if key not in left_out},
            "versions": record.versions(),
            "rules": [rules_rows.told(row) for row in self.rows],
        }

    def show(self) -> None:
        """Print the table."""
        config = self.config
        table = Table(
            title=f"Rules against the exact gradient: {config.sizes} on {len(self.x)} images, "
            f"β = {config.beta:g}",
            title_justify="left",
            box=SIMPLE_HEAD,
        )
        for heading in ("network", "rule"):
            table.add_column(heading, no_wrap=True)
        for heading in ("angle", "of each array", "norm", "as β → 0", "μ", "free", "ms", "settled"):
            table.add_column(heading, justify="right", no_wrap=True)
        before = None
        for row in self.rows:
            name = row.pair.network if row.pair.network != before else ""
            if before is not None and name:
                table.add_section()
            before = row.pair.network
            table.add_row(name, row.pair.rule, *rules_rows.cells(row))
        table.caption = rules_rows.CAPTION
        table.caption_justify = "left"
        Console(width=max(Console().width, 128)).print(table)
        for row in self.rows:
            if row.found is None:
                print(f"{row.pair.rule} on {row.pair.network}: {row.trouble}")

    def draw(self, path: pathlib.Path) -> None:
        """Write the picture to `path`, whole or not at all."""
        from .. import plot
        from ..plot.angles import angles_page

        marks = [rules_rows.mark(row.pair, row.found) for row in self.rows if row.found is not None]
        if not marks:
            raise ValueError("plot: no rule settled, so that there is nothing to draw.")
        height = 1.6 + 0.19 * len(marks)
        with plot.style(), plot.page(path, (8, max(height, 3.2))) as figure:
            angles_page(figure, marks)


def _words(words: Sequence[str]) -> list[str]:
    """The names in `words`, whether separated by spaces or commas."""
    return [name for word in words for name in word.split(",") if name]


def _require_beta(beta: float, tol: float, rules: set[str]) -> None:
    """Refuse a β that is none, or that `tol` leaves too little of, where a rule takes one."""
    if rules <= set(WITHOUT_BETA):
        return
    if not np.isfinite(beta) or not abs(beta) > 0:
        raise ValueError(f"beta is {beta}: it must be a finite number, and not zero.")
    largest, *_, last = ladder(1.0)
    if 100 * tol > last:
        raise ValueError(
            f"tol is {tol:g}: rules with a β need one up to {last / 100:g}, since their bias is "
            f"followed from β = {largest:g}, or less, down to an eighth of it."
        )
    least = abs(ladder(beta)[-1])
    if 100 * tol > least:
        raise ValueError(
            f"beta={beta:g} is too small for tol={tol:g}, since β down to {least:g} is tried: use "
            f"|beta| ≥ {800 * tol:g} or a smaller tol."
        )
    if not 0 < beta <= 1 and "coupled" in rules:
        raise ValueError(
            f"beta is {beta:g}, but coupled takes one above 0, up to 1: name the other rules by "
            "--rules."
        )


def _sorted(rows: list[Row]) -> list[Row]:
    """By network, as asked for, then by angle; what has none comes last."""
    order = list(dict.fromkeys(row.pair.network for row in rows))

    def key(row: Row) -> tuple[int, float]:
        angle = float("inf") if row.found is None else degrees(row.found.alignment.overall)
        return order.index(row.pair.network), angle if np.isfinite(angle) else 360.0

    return sorted(rows, key=key)
