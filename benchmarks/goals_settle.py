"""Rows of the goals about settling: random and trained weights, untied and tied."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import neurodyn as nd

from .goal import Found, Goal, Setup, Work
from .learning import learnt
from .measure import Row, measure, tune
from .peers import PEERS, Peer
from .problem import Problem, cast, is_settled, problem

BY_NAME = {peer.name: peer for peer in PEERS}
OURS = tuple(BY_NAME[name] for name in ("neurodyn Follow", "neurodyn Sweep"))
TIED_STEPS = (0.5, 0.3, 0.2, 0.1, 0.05)
NEAR, ENOUGH, LONGEST = 1e-3, 0.98, 300.0
UPDATES = (0, 100, 1000)


def in_torch(setup: Setup, *given: Any) -> tuple[Peer, ...]:
    """The Euler loops in PyTorch, if there is one; `given` are steps and checks, if any."""
    return setup.torch.euler(*given) if setup.torch else ()


def both_loops(asked: str) -> dict[str, str]:
    """The same asked beside both Euler loops in PyTorch: the second is the better tuned."""
    return {"PyTorch Euler": asked, "PyTorch Euler, dropping": asked}


def plain(rows: Sequence[Row], **more: Any) -> list[dict[str, Any]]:
    """Rows as they are shown."""
    return [
        more
        | {
            "method": row.method,
            "ms per sample": row.milliseconds,
            "least": row.least,
            "most": row.most,
            "evaluations": row.evaluations,
            "residual": row.residual,
            "settled": f"{row.settled}/{row.samples}",
            "setting": row.setting,
        }
        for row in rows
    ]


def compared(work: str, rows: Sequence[Row], asked: Mapping[str, str]) -> list[Goal]:
    """How many times sooner than each peer we are; those asked about come first.

    Only methods that settled every sample count.
    """
    times = {row.method: row.milliseconds for row in rows if row.settled == row.samples}
    ours = {n.removeprefix("neurodyn "): t for n, t in times.items() if n.startswith("neurodyn ")}
    others = [name for name in times if not name.startswith("neurodyn ")]
    return [
        Goal(
            work,
            name,
            asked.get(name, ""),
            {n: times[name] / t for n, t in ours.items()} if name in times else {},
        )
        for name in (*asked, *(name for name in others if name not in asked))
    ]


def settling(activation: str, dtype: str, asked: Mapping[str, str]) -> Work:
    """Settle a batch of images from rest, by all means."""

    def work(setup: Setup) -> Found:
        given = problem(activation, dtype, setup.batch, setup.sizes)
        others = tuple(BY_NAME[n] for n in ("diffrax tuned", "SciPy RK45", "Euler loop"))
        packages = setup.torch.packages() if setup.torch else ()
        peers = (*OURS, *others, *in_torch(setup), *packages)
        rows = measure(given, peers=peers, rounds=setup.rounds)
        what = f"settle, {activation.replace('_', ' ')}, {dtype}, batch {setup.batch}"
        return Found(compared(f"{what}, to {given.tol:g}", rows, asked), plain(rows))

    return work


def trained(setup: Setup) -> Found:
    """The same with the weights that VF-EP found, ever later."""
    goals, shown = [], []
    for updates in (0, 20) if setup.quick else UPDATES:
        given = problem("hard_sigmoid", "float64", setup.batch, setup.sizes)
        given = given._replace(field=cast(learnt(updates, setup.sizes), jnp.float64))
        rows = measure(given, peers=(*OURS, *in_torch(setup)), rounds=setup.rounds)
        shown += plain(rows, updates=updates)
        what = f"settle, float64, weights after {updates} updates"
        goals += compared(what, rows, both_loops("≥ 4"))
    return Found(goals, shown)


def tied_problem(setup: Setup, activation: str) -> Problem:
    """The same net with one matrix for both ways."""
    given = problem(activation, "float64", setup.batch, setup.sizes)
    field = nd.LayeredHopfield.init(
        setup.sizes,
        activation=nd.activation_named(activation),
        key=jax.random.key(0),
        dtype=jnp.float64,
    )
    return given._replace(field=field)


def followed(given: Problem) -> tuple[Problem, Any]:
    """The problem and the ends of its flow, without samples of which the flow takes too long."""
    exact = nd.Relax(accuracy=1e-5)
    run = nd.settle(given.field, given.inputs, tol=given.tol, method=exact, max_time=LONGEST)
    settled = np.flatnonzero(run.ok)
    end = jax.tree.map(lambda layer: layer[settled], run.state)
    return given._replace(inputs=given.inputs[settled]), end


def distance(a: Sequence[jax.Array], b: Sequence[jax.Array]) -> np.ndarray:
    """The largest difference of two states, sample by sample."""
    parts = [np.abs(np.asarray(x) - np.asarray(y)).max(1) for x, y in zip(a, b, strict=True)]
    return np.max(parts, axis=0)


def tied(setup: Setup) -> Found:
    """Settle a tied net where its flow does, by the fastest setting that does in 98 % of samples.

    Agreement comes first: what agrees less is compared only where nothing agrees as much.
    """
    goals, shown = [], []
    for activation in ("hard_sigmoid",) if setup.quick else ("hard_sigmoid", "tanh"):
        given, end = followed(tied_problem(setup, activation))

        def agrees(given: Problem, state: Any, end: Any = end) -> np.ndarray:
            return is_settled(given, state) & (distance(state, end) <= NEAR)

        peers = (*OURS, *in_torch(setup, TIED_STEPS, (4,)))
        chosen = [tune(peer, given, agrees, ENOUGH) for peer in peers]
        shares = {t.peer.name: float(agrees(given, t.run.state).mean()) for t in chosen}
        rows = measure(given, tuned=chosen, rounds=setup.rounds)
        what = f"tied net, {activation.replace('_', ' ')}, float64, batch {len(given.inputs)}"
        ours = {n.removeprefix("neurodyn "): s for n, s in shares.items() if "neurodyn" in n}
        goals.append(Goal(f"{what}: agreement", "the flow", f"≥ {ENOUGH}", ours))
        kept = [r for r in rows if shares[r.method] >= ENOUGH or "neurodyn" not in r.method]
        goals += compared(f"{what}: speed", kept, both_loops("≥ 5"))
        shown += [
            {"activation": activation, "agreement": shares[row["method"]]} | row
            for row in plain(rows)
        ]
    return Found(goals, shown)
