"""Training: epochs of updates, told as they go, that stop and go on where they were.

    trained = nd.train(net, learner, data.load(), optimiser=optax.sgd(0.1), epochs=10, batch=20)

With a folder `out`, the run is saved after every epoch and when it is told to stop (SIGINT,
SIGTERM). Resumed, it ends where it would have ended undisturbed, to the last bit: the order of the
samples and all that is drawn follow from the seed and the number of the update alone.
"""

import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PRNGKeyArray

from ..alignment import alignment
from ..data import Dataset, require_sound
from ..field import AbstractField
from ..resting import NotSettledError
from .keeping import Position, Row, RunFolder, described, listening
from .learner import AbstractLearner
from .phases import is_synapse
from .updates import Order, Tally, advance, begin, error_rate, shuffled


class Moment(NamedTuple):
    """How far a run is: `update` of `updates` in `epoch` of `epochs`, the first being 1.

    `means` are those of the epoch so far: see `Trained`; `last` is the row of the last whole epoch.
    """

    epoch: int
    epochs: int
    update: int
    updates: int
    means: Row
    last: Row | None


class Trained(NamedTuple):
    """A run that is done: the `net`, and `history`, a row of numbers for each epoch.

    **Rows:** `epoch`; `loss` and `train_error`, of each batch before its update, averaged;
    `settled`, the share of the samples that settled in every phase; `validation_error` and
    `test_error` where there are such samples; `cosine`, of the change to minus the exact gradient
    on the probe samples, NaN where there is none; `seconds`.
    """

    net: AbstractField
    history: list[Row]


class Samples(NamedTuple):
    """Images and one-hot targets, in the dtype of the net."""

    x: Array
    y: Array


class Job(NamedTuple):
    """All that does not change in a run; the keys are for the order and for what rules draw."""

    learner: AbstractLearner
    optimiser: optax.GradientTransformation
    training: Samples
    judged: dict[str, Samples]
    probe: Samples | None
    look: Callable[[Any], dict[str, float]] | None
    batch: int
    every: int
    shuffling: PRNGKeyArray
    drawing: PRNGKeyArray

    @property
    def updates(self) -> int:
        """Updates in an epoch."""
        return len(self.training.x) // self.batch

    def order(self, position: Position) -> Order:
        """In which order the samples come in the epoch under way."""
        key = jax.random.fold_in(self.shuffling, position.updates // self.updates)
        return shuffled(key, len(self.training.x), self.batch)


def train(
    net: Any,
    learner: Any,
    dataset: Any,
    *,
    optimiser: optax.GradientTransformation,
    epochs: int,
    batch: int,
    seed: int = 0,
    validation: int = 0,
    test: Dataset | None = None,
    probe: int = 0,
    look: Callable[[Any], dict[str, float]] | None = None,
    out: Any = None,
    resume: bool = False,
    every: int = 50,
    watch: Callable[[Moment], Any] | None = None,
    config: dict[str, Any] | None = None,
) -> Trained:
    """Train `net` by the rule of `learner` on `dataset`, in minibatches.

    **Arguments:** `optimiser`, of optax; see `by_layer` for rates of their own. `epochs` and
    `batch`: samples that fill no batch wait for the next shuffle. `validation`, how many samples,
    drawn by `seed`, are held back and judged after each epoch; `test`, a further dataset that is
    judged so; `probe`, of how many samples the change is held against the exact gradient after
    each epoch; `look`, a function of the net whose numbers are put into the row as well. `out`, a
    folder for checkpoints and metrics, which must be new, unless `resume`: then the run in it goes
    on, up to `epochs`. `every`, how many updates make one compiled loop: after each the run can be
    stopped, and `watch` is called with a `Moment`. `config` is noted in the metrics, as JSON.

    **Returns** a `Trained`.

    **Raises** `StoppedError` for SIGINT and SIGTERM, once the run is saved (with `out`, in the
    main thread); `ArithmeticError` where a loss or a change is not finite, once the last good state
    is saved; `FileExistsError` for an `out` that is there; `OSError` where it cannot be written;
    `TypeError` and `ValueError` for data that do not fit the net, for numbers out of range, and
    where the run to resume is another one.

    >>> import jax, neurodyn as nd, optax
    >>> from neurodyn import data
    >>> net = nd.Pathway.init((64, 16, 10), cost=nd.SoftmaxCrossEntropy(), key=jax.random.key(0))
    >>> digits, sgd = data.load("digits", samples=500), optax.sgd(0.5)
    >>> done = nd.train(net, nd.FeedbackLearner(), digits, optimiser=sgd, epochs=5, batch=20)
    >>> done.history[-1]["train_error"] < 0.1 < done.history[0]["train_error"]
    True
    """
    require_counts(batch=batch, every=every, epochs=epochs)
    held, shuffling, drawing = jax.random.split(jax.random.key(seed), 3)
    dtype = _dtype(net, learner)
    training, back = _split(_samples(dataset, "dataset", dtype), held, validation, batch)
    tests = None if test is None else _samples(test, "test", dtype)
    judged = {"validation_error": back, "test_error": tests}
    known = {name: samples for name, samples in judged.items() if samples is not None}
    seen = _probe(training, probe)
    job = Job(
        learner, optimiser, training, known, seen, look, batch, every, shuffling, drawing
    )  # fmt: skip
    position = _start(job, net)
    folder = None if out is None else RunFolder(pathlib.Path(out), config or {})
    if folder is None and resume:
        raise ValueError("out is missing: name the folder of the run to resume.")
    if folder is not None:
        plan = {
            "net": described(net),
            "learner": described(learner),
            "data": f"{dataset.name}, {len(dataset.labels)} samples",
            "test": None if test is None else f"{test.name}, {len(test.labels)} samples",
            "validation": validation,
            "batch": batch,
            "seed": seed,
            "every": every,
        }
        position = folder.resume(plan, position) if resume else folder.begin(plan, position)
    return _run(job, position, epochs, folder, watch)


def _start(job: Job, net: Any) -> Position:
    """The position of a run that has yet to start; refuses a batch that is not for the net."""
    first = (a[: job.batch] for a in job.training)
    tally = Tally(*(np.full(job.updates, np.nan) for _ in Tally._fields))
    return Position(begin(net, job.learner, job.optimiser, *first), tally, [], 0.0)


def _run(
    job: Job, position: Position, epochs: int, folder: RunFolder | None, watch: Any
) -> Trained:
    """From `position` to the end of the last epoch, or until it is told to stop."""
    order = job.order(position)
    with listening(folder is not None) as told:
        while position.updates < epochs * job.updates:
            position = _one_loop(job, position, order, folder)
            if watch is not None:
                watch(_moment(job, position, epochs))
            if not position.updates % job.updates:
                position = _epoch_over(job, position, folder)
                order = job.order(position)
            if told and folder is not None:
                folder.stop(position, told[0])
    return Trained(position.progress.net, position.history)


def _one_loop(job: Job, position: Position, order: Order, folder: RunFolder | None) -> Position:
    """`every` more updates, or as many as are left of the epoch whose samples come in `order`."""
    began, start = time.perf_counter(), position.updates % job.updates
    rows = order[start : start + job.every]
    progress, told = advance(
        position.progress, job.learner, job.optimiser, *job.training, rows, job.drawing
    )
    _require_finite(job, position, told, folder)
    tally = Tally(
        *(
            np.concatenate([old[:start], new, old[start + len(rows) :]])
            for old, new in zip(position.tally, told, strict=True)
        )
    )
    seconds = position.seconds + time.perf_counter() - began
    return Position(progress, tally, position.history, seconds)


def _epoch_over(job: Job, position: Position, folder: RunFolder | None) -> Position:
    """Judge the net, add the row of the epoch, save."""
    began, net = time.perf_counter(), position.progress.net
    row = {"epoch": position.updates // job.updates, **_means(position.tally)}
    row |= {name: float(error_rate(job.learner, net, *s)) for name, s in job.judged.items()}
    if job.probe is not None:
        row["cosine"] = cosine(job.learner, net, *job.probe, job.drawing)
    if job.look is not None:
        row |= job.look(net)
    row["seconds"] = position.seconds + time.perf_counter() - began
    empty = Tally(*(np.full_like(column, np.nan) for column in position.tally))
    position = Position(position.progress, empty, [*position.history, row], 0.0)
    if folder is not None:
        folder.save(position)
    return position


def cosine(learner: AbstractLearner, net: Any, x: Array, y: Array, key: PRNGKeyArray) -> float:
    """Of the angle between the change and minus the exact gradient; NaN where there is none."""
    try:
        gradient = learner.gradient(net, x, y)
    except (NotSettledError, ValueError):
        return float("nan")
    step = eqx.filter_jit(learner.step)(net, x, y, key)[1]
    return float(alignment(step.change, gradient).cosine)


def _means(tally: Tally) -> Row:
    loss, wrong, settled, _ = (float(np.nanmean(column)) for column in tally)
    return {"loss": loss, "train_error": wrong, "settled": settled}


def _moment(job: Job, position: Position, epochs: int) -> Moment:
    epoch, update = divmod(position.updates - 1, job.updates)
    last = position.history[-1] if position.history else None
    return Moment(epoch + 1, epochs, update + 1, job.updates, _means(position.tally), last)


def _require_finite(job: Job, before: Position, told: Tally, folder: RunFolder | None) -> None:
    """Refuse to go on from a loss or a change that is not finite; save what came `before`."""
    loss, _, settled, size = map(np.asarray, told)
    bad = ~(np.isfinite(loss) & np.isfinite(size))
    if not bad.any():
        return
    first = int(np.argmax(bad))
    epoch, start = divmod(before.updates, job.updates)
    causes = {
        "no sample of the batch settled": np.isnan(loss[first]) and settled[first] == 0,
        f"the loss is {loss[first]}": not np.isfinite(loss[first]),
        "the weight change is not finite": True,
    }
    cause = next(cause for cause, found in causes.items() if found)
    kept = "" if folder is None else f" The state after {before.updates} updates is saved."
    if folder is not None:
        folder.save(before)
    raise ArithmeticError(
        f"{cause} at update {start + first + 1} of epoch {epoch + 1}: lower the rates, or change "
        f"the rule's β or tolerance.{kept}"
    )


def require_counts(**counts: int) -> None:
    """Refuse numbers that are not positive whole ones, by their names."""
    for name, count in counts.items():
        if not (count >= 1 and count == int(count)):
            raise ValueError(f"{name} is {count}: give a positive whole number.")


def _dtype(net: Any, learner: Any) -> Any:
    if not isinstance(learner, AbstractLearner):
        raise TypeError(f"learner is a {type(learner).__name__}: give an AbstractLearner.")
    arrays = jax.tree.leaves(eqx.filter(net, is_synapse))
    if not arrays:
        raise ValueError(f"net is a {type(net).__name__} without arrays of weights to change.")
    return arrays[0].dtype


def _samples(dataset: Any, name: str, dtype: Any) -> Samples:
    require_sound(dataset, name)
    return Samples(jnp.asarray(dataset.images, dtype), jnp.asarray(dataset.targets(), dtype))


def _split(
    samples: Samples, key: PRNGKeyArray, held: int, batch: int
) -> tuple[Samples, Samples | None]:
    """The samples to train on, and the `held` ones to validate on."""
    count = len(samples.x)
    if not 0 <= held <= count - batch:
        raise ValueError(
            f"validation is {held}: of {count} samples a batch of {batch} must be left to train on."
        )
    if not held:
        return samples, None
    mixed = jax.random.permutation(key, count)
    back, rest = mixed[:held], mixed[held:]
    return Samples(samples.x[rest], samples.y[rest]), Samples(samples.x[back], samples.y[back])


def _probe(training: Samples, count: int) -> Samples | None:
    if not 0 <= count <= len(training.x):
        raise ValueError(f"probe is {count}: give a number from 0 to {len(training.x)}.")
    return Samples(training.x[:count], training.y[:count]) if count else None
