"""Training: what one update does, and runs that stop, go on, and refuse."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import neurodyn as nd
from neurodyn import data, record
from neurodyn.learning import checkpoint
from neurodyn.learning.train import cosine
from neurodyn.learning.updates import Tally

DIGITS = data.load("digits", samples=400)
SGD = optax.sgd(0.3)
HOW = {"optimiser": SGD, "epochs": 3, "batch": 20, "every": 8}


def path(seed: int = 0, **options) -> nd.Pathway:
    given = {"feedback": "random", "cost": nd.SoftmaxCrossEntropy(), "dtype": jnp.float32}
    return nd.Pathway.init((64, 12, 10), key=jax.random.key(seed), **given | options)


def same(a, b) -> bool:
    leaves = zip(*map(jax.tree.leaves, (a, b)), strict=True)
    return all(np.array_equal(x, y) for x, y in leaves if eqx.is_array(x))


def run(**options) -> nd.Trained:
    net = options.pop("net", path())
    learner = options.pop("learner", nd.FeedbackLearner())
    return nd.train(net, learner, options.pop("dataset", DIGITS), **{**HOW, **options})


# What an update is.


def test_an_update_is_one_step_of_the_optimiser_along_the_change():
    x, y = (jnp.asarray(a[:20], jnp.float32) for a in (DIGITS.images, DIGITS.targets()))
    net, learner = path(), nd.FeedbackLearner()
    progress = nd.begin(net, learner, SGD, x, y)
    order = jnp.arange(20)[None]
    after, tally = nd.advance(progress, learner, SGD, x, y, order, jax.random.key(1))
    change = nd.feedback_change(net, x, y)
    for k in range(2):
        wanted = net.weights[k] + 0.3 * change.weights[k]
        np.testing.assert_allclose(after.net.weights[k], wanted, rtol=0, atol=1e-6)
    assert same(after.net.feedback, net.feedback)  # the channel stays
    outputs = jax.vmap(lambda x: net.forward(x).activities[-1])(x)
    loss = jnp.mean(jax.vmap(net.cost)(outputs, y))
    np.testing.assert_allclose(tally.loss[0], loss, rtol=1e-6)
    wrong = np.mean(np.argmax(outputs, 1) != DIGITS.labels[:20])
    np.testing.assert_allclose(tally.wrong[0], wrong, atol=1e-6)


def test_a_layer_with_the_rate_zero_stays_and_the_others_move_by_theirs():
    optimiser = optax.chain(optax.sgd(1.0), nd.by_layer((0.0, 0.25)))
    frozen = run(optimiser=optimiser, epochs=1).net
    plain = path()
    assert same(frozen.weights[0], plain.weights[0]) and same(frozen.biases[0], plain.biases[0])
    assert not same(frozen.weights[1], plain.weights[1])
    with pytest.raises(ValueError, match="rates holds 3 numbers: this net needs 2"):
        run(optimiser=optax.chain(optax.sgd(1.0), nd.by_layer((1.0, 1.0, 1.0))))


def test_rates_of_a_layer_are_for_both_directions():
    net = nd.LayeredLeakyIntegrator.init((3, 4, 5, 2), key=jax.random.key(0))
    ones = jax.tree.map(jnp.ones_like, eqx.filter(net, eqx.is_array))
    scaled, _ = nd.by_layer((2.0, 3.0, 4.0)).update(ones, optax.EmptyState())
    assert [float(w[0, 0]) for w in scaled.forward] == [2.0, 3.0, 4.0]
    assert [float(w[0, 0]) for w in scaled.feedback] == [3.0, 4.0]


def test_several_seeds_at_once_are_what_each_is_by_itself():
    x, y = (jnp.asarray(a[:60], jnp.float32) for a in (DIGITS.images, DIGITS.targets()))
    learner, keys = nd.FeedbackLearner(), jax.random.split(jax.random.key(3), 3)
    orders = jnp.stack([nd.shuffled(key, 60, 20) for key in keys])
    alone = [nd.begin(path(seed), learner, SGD, x, y) for seed in range(3)]
    arrays = jax.tree.map(lambda *a: jnp.stack(a), *(eqx.filter(p, eqx.is_array) for p in alone))
    stacked = eqx.combine(arrays, alone[0])
    together, tally = nd.advance_all(stacked, learner, SGD, x, y, orders, keys)
    assert tally.loss.shape == (3, 3)
    for k in range(3):
        one, told = nd.advance(alone[k], learner, SGD, x, y, orders[k], keys[k])
        np.testing.assert_allclose(tally.loss[k], told.loss, rtol=1e-5)
        np.testing.assert_allclose(together.net.weights[0][k], one.net.weights[0], atol=1e-6)


def test_both_phases_share_the_drive_of_the_input():
    learner = nd.ContrastLearner("ep", nd.SquaredError(), 1e-4, 1.0, method=nd.Sweep())
    batch, hidden = 4, 8

    def work(inputs):
        """What one update computes, loops counted once."""
        net = nd.LayeredLeakyIntegrator.init((inputs, hidden, 2), key=jax.random.key(0))
        given = net, jnp.ones((batch, inputs)), jnp.ones((batch, 2)), jax.random.key(1)
        step = jax.jit(lambda *given: learner.step(*given)[1].change)
        return step.lower(*given).compile().cost_analysis()["flops"]

    product = 2 * batch * hidden  # of one input; the drive, and the change of the weights
    assert 2 <= (work(800) - work(400)) / 400 / product < 2.6


def test_options_that_are_arrays_can_be_mapped_too():
    x, y = (jnp.asarray(a[:20], jnp.float32) for a in (DIGITS.images, DIGITS.targets()))
    coarse = eqx.filter_vmap(lambda b: nd.FeedbackLearner(nd.Channel(bits=b)))(
        jnp.array([1.0, 5.0])
    )
    progress = nd.begin(path(), nd.FeedbackLearner(nd.Channel(bits=1)), SGD, x, y)
    both = jax.tree.map(lambda a: jnp.stack([a, a]) if eqx.is_array(a) else a, progress)
    orders, keys = jnp.stack([jnp.arange(20)[None]] * 2), jax.random.split(jax.random.key(0))
    after, _ = nd.advance_all(both, coarse, SGD, x, y, orders, keys, mapped=True)
    for k, bits in enumerate((1, 5)):
        learner = nd.FeedbackLearner(nd.Channel(bits=bits))
        one, _ = nd.advance(progress, learner, SGD, x, y, orders[k], keys[k])
        np.testing.assert_allclose(after.net.weights[0][k], one.net.weights[0], atol=1e-6)


def test_a_shuffle_holds_every_sample_once_but_for_those_that_fill_no_batch():
    order = np.asarray(nd.shuffled(jax.random.key(0), 47, 10))
    assert order.shape == (4, 10) and len(set(order.ravel())) == 40 and order.max() < 47


def test_error_rate_counts_each_sample_whatever_the_batch():
    x, y = (jnp.asarray(a[:50], jnp.float32) for a in (DIGITS.images, DIGITS.targets()))
    net, learner = path(), nd.FeedbackLearner()
    outputs = jax.vmap(lambda x: net.forward(x).activities[-1])(x)
    wanted = np.mean(np.argmax(outputs, 1) != DIGITS.labels[:50])
    for batch in (50, 7, 1000):
        assert float(nd.error_rate(learner, net, x, y, batch)) == pytest.approx(wanted)


# What a run is.


def test_a_run_learns_and_tells_of_every_epoch():
    moments = []
    test = data.load("digits", split="test", samples=100)
    look = {"look": lambda net: {"norm": float(jnp.linalg.norm(net.weights[0]))}}
    done = run(validation=100, test=test, probe=20, watch=moments.append, epochs=8, **look)
    assert done.history[-1]["norm"] == pytest.approx(np.linalg.norm(done.net.weights[0]))
    first, *_, last = done.history
    assert [row["epoch"] for row in done.history] == list(range(1, 9))
    assert last["train_error"] < 0.1 < first["train_error"]
    assert last["validation_error"] < 0.2 and last["test_error"] < 0.3
    assert 0.2 < last["cosine"] < 0.99 and last["settled"] == 1  # random feedback is no gradient
    assert len(moments) == 8 * 2  # 15 updates in loops of 8
    assert (moments[-1].update, moments[-1].updates) == (15, 15)
    assert moments[-1].means["loss"] == pytest.approx(last["loss"])


def test_the_probe_of_backpropagation_is_the_gradient():
    done = run(net=path(feedback="exact"), probe=50, epochs=1)
    assert done.history[0]["cosine"] == pytest.approx(1, abs=1e-6)


def test_samples_held_back_are_not_trained_on():
    marked = DIGITS._replace(labels=DIGITS.labels.copy())
    split = run(dataset=marked, validation=380, batch=20, epochs=1)
    assert split.history[0]["validation_error"] > 0.5  # one batch of 20 is all there was
    with pytest.raises(ValueError, match="validation is 390: of 400 samples a batch of 20"):
        run(validation=390)


def test_settling_rules_tell_how_many_samples_settled():
    net = nd.LayeredLeakyIntegrator.init((64, 6, 10), key=jax.random.key(0), dtype=jnp.float32)
    short = nd.ContrastLearner("ep", nd.SquaredError(), 1e-3, 1.0, max_time=2.0)
    with pytest.raises(ArithmeticError, match="no sample of the batch settled at update 1"):
        run(net=net, learner=short, epochs=1)
    few = DIGITS._replace(images=DIGITS.images[:40], labels=DIGITS.labels[:40])
    learner = nd.ContrastLearner("ep", nd.SquaredError(), 1e-3, 1.0)
    done = run(net=net, learner=learner, dataset=few, epochs=1, optimiser=optax.sgd(0.05))
    assert done.history[0]["settled"] == 1.0
    assert not same(done.net.feedback, net.feedback)


def test_the_cosine_is_nan_where_the_gradient_is_not_there():
    net = nd.LayeredLeakyIntegrator.init((64, 6, 10), key=jax.random.key(0), dtype=jnp.float32)
    learner = nd.ContrastLearner("ep", nd.SquaredError(), 1e-3, 1.0, max_time=0.01)
    x, y = (jnp.asarray(a[:2], jnp.float32) for a in (DIGITS.images, DIGITS.targets()))
    assert np.isnan(cosine(learner, net, x, y, jax.random.key(0)))


# Runs that stop.


class Enough(Exception):
    pass


def stopped_after(loops: int):
    left = iter(range(loops - 1))

    def watch(_):
        if next(left, None) is None:
            raise Enough

    return watch


def test_a_run_that_broke_off_ends_where_an_undisturbed_one_does(tmp_path):
    dropout = nd.FeedbackLearner(nd.Channel(dropout=0.3))  # which draws at every update
    options = {"learner": dropout, "optimiser": optax.sgd(0.3, 0.9)}
    whole = run(**options)
    with pytest.raises(Enough):
        run(**options, out=tmp_path / "run", watch=stopped_after(5))  # within the second epoch
    resumed = run(**options, out=tmp_path / "run", resume=True)
    assert same(resumed.net, whole.net)
    for mine, other in zip(resumed.history, whole.history, strict=True):
        assert {**mine, "seconds": 0} == {**other, "seconds": 0}
    longer = run(**options, epochs=5, out=tmp_path / "run", resume=True)
    assert same(longer.net, run(**options, epochs=5).net) and len(longer.history) == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_stop_saves_what_it_did(tmp_path, number):
    before = signal.getsignal(number)
    out = tmp_path / "run"
    with pytest.raises(nd.StoppedError, match=r"stopped by SIG.* after 8 updates") as caught:
        run(out=out, watch=lambda _: os.kill(os.getpid(), number))
    assert caught.value.signal == number and signal.getsignal(number) == before
    assert [file.name for file in checkpoint.newest(out)] == ["checkpoint-0000000008.eqx"]
    assert same(run(out=out, resume=True).net, run().net)


def test_a_second_signal_does_not_wait(tmp_path):
    def twice(_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(out=tmp_path / "run", watch=twice)
    assert same(run(out=tmp_path / "run", resume=True).net, run().net)


KILLED = """
    import sys, jax, jax.numpy as jnp, neurodyn as nd, optax
    from neurodyn import data
    net = nd.Pathway.init((64, 12, 10), feedback="random", cost=nd.SoftmaxCrossEntropy(),
                          activation=nd.logistic, key=jax.random.key(0), dtype=jnp.float32)
    digits = data.load("digits", samples=400)
    def watch(moment):
        print(moment.epoch, moment.update, flush=True)
        if len(sys.argv) > 2 and (moment.epoch, moment.update) == (2, 16):
            sys.stdin.read()  # waits to be killed
    nd.train(net, nd.FeedbackLearner(), digits, optimiser=optax.sgd(0.3), epochs=3, batch=20,
             every=8, out=sys.argv[1], resume="resume" in sys.argv, watch=watch)
"""


def test_a_run_that_was_killed_in_an_epoch_ends_bit_for_bit_where_it_would_have(tmp_path):
    script, out = tmp_path / "run.py", tmp_path / "run"
    script.write_text(textwrap.dedent(KILLED), "utf-8")
    command = [sys.executable, str(script), str(out)]
    with subprocess.Popen(
        [*command, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        while child.stdout.readline().split() != ["2", "16"]:
            assert child.poll() is None
        child.kill()
    assert child.returncode == -signal.SIGKILL
    (out / ".checkpoint-0000000040-half.eqx").write_bytes(b"half")  # as if killed in writing
    subprocess.run([*command, "resume"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, str(script), str(tmp_path / "whole")], check=True)
    ends = [folder / "checkpoint-0000000060.eqx" for folder in (out, tmp_path / "whole")]
    bodies = [end.read_bytes().partition(b"\n")[2] for end in ends]
    assert bodies[0] == bodies[1] and len(bodies[0]) > 1000
    assert not list(out.glob(".*"))


# Folders.


@pytest.fixture
def kept(tmp_path):
    out = tmp_path / "run"
    run(out=out, epochs=3)
    return out


def test_a_folder_holds_two_checkpoints_and_metrics_that_know_where_they_are_from(kept):
    names = sorted(file.name for file in kept.iterdir())
    assert names == [
        "checkpoint-0000000040.eqx",
        "checkpoint-0000000060.eqx",
        "metrics.nc",
        "run.json",
    ]
    metrics = record.load(kept / "metrics.nc")
    assert metrics["loss"].dims == ("epoch",) and metrics["epoch"].values.tolist() == [1, 2, 3]
    assert "jax" in json.loads(metrics.attrs["versions"])


def test_a_folder_that_is_there_is_never_written_over(kept, tmp_path):
    before = {file.name: file.read_bytes() for file in kept.iterdir()}
    with pytest.raises(FileExistsError, match="resume the run in it, or name another folder"):
        run(out=kept)
    assert {file.name: file.read_bytes() for file in kept.iterdir()} == before
    with pytest.raises(FileNotFoundError, match="holds no run"):
        run(out=tmp_path / "nothing", resume=True)
    with pytest.raises(ValueError, match="out is missing"):
        run(resume=True)


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "head"])
def test_a_damaged_checkpoint_is_told_of_and_the_one_before_used(kept, harm):
    newest = checkpoint.newest(kept)[0]
    content = newest.read_bytes()
    harmed = {
        "cut": content[:-100],
        "flipped": content[:-50] + bytes([content[-50] ^ 1]) + content[-49:],
        "empty": b"",
        "head": b"{" + content,
    }
    newest.write_bytes(harmed[harm])
    with pytest.warns(UserWarning, match=r"0060\.eqx is damaged.* Going on from checkpoint-.*40"):
        resumed = run(out=kept, resume=True, epochs=3)
    assert same(resumed.net, run(epochs=3).net)


def test_where_no_checkpoint_is_whole_nothing_is_made_up(kept):
    for file in checkpoint.newest(kept):
        file.write_bytes(b"no")
    with pytest.raises(ValueError, match=r"no checkpoint in .* is whole"):
        run(out=kept, resume=True)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"batch": 10}, "batch is 20, not 10"),
        ({"seed": 1}, "seed is 0, not 1"),
        ({"net": path(activation=nd.logistic)}, "its net is"),
        ({"learner": nd.FeedbackLearner(nd.Channel(bits=1))}, "its learner is"),
        ({"validation": 20}, "validation is 0, not 20"),
    ],
)
def test_another_run_is_not_resumed_from_a_folder(kept, change, named):
    with pytest.raises(ValueError, match=named):
        run(out=kept, resume=True, **change)


def test_another_optimiser_is_found_out_by_its_moments(kept):
    with pytest.raises(ValueError, match="of another network or optimiser"):
        run(out=kept, resume=True, optimiser=optax.adam(0.1))


def test_a_full_disk_costs_one_checkpoint_and_says_so(kept, monkeypatch):
    before = checkpoint.newest(kept)[0].read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "_write", full)
    with pytest.raises(OSError, match=r"No space left on device.*0060\.eqx is whole"):
        run(out=kept, resume=True, epochs=5)
    monkeypatch.undo()
    assert checkpoint.newest(kept)[0].read_bytes() == before
    assert not list(kept.glob(".*"))
    assert same(run(out=kept, resume=True, epochs=4).net, run(epochs=4).net)


def test_a_loss_that_is_lost_stops_the_run_and_keeps_the_last_good_state(tmp_path):
    wild = optax.chain(
        optax.sgd(1.0), optax.scale_by_schedule(lambda n: jnp.where(n < 20, 0.1, jnp.inf))
    )
    with pytest.raises(ArithmeticError, match=r"update 2 of epoch 2.* after 20 updates is saved"):
        run(optimiser=wild, out=tmp_path / "run")
    like = nd.begin(
        path(),
        nd.FeedbackLearner(),
        wild,
        jnp.zeros((20, 64), jnp.float32),
        jnp.zeros((20, 10), jnp.float32),
    )
    tally = Tally(*(np.zeros(20) for _ in range(4)))
    found = checkpoint.latest(tmp_path / "run", (like, tally))
    assert int(found.tree[0].updates) == 20
    assert all(np.isfinite(w).all() for w in found.tree[0].net.weights)


# Data and numbers that do not fit.


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        ({"labels": DIGITS.labels + 1}, ValueError, "labels from 1 to 10: with 10 classes"),
        ({"labels": DIGITS.labels - 1}, ValueError, "labels from -1 to 8"),
        ({"labels": DIGITS.labels / 2}, TypeError, "labels of dtype float64"),
        ({"labels": DIGITS.labels[:5]}, ValueError, "must be \\(samples, pixels\\)"),
        ({"images": DIGITS.images * np.nan}, ValueError, "NaN or infinite pixels"),
        ({"images": DIGITS.images[:, :30]}, ValueError, "shape"),
        ({"classes": 11}, ValueError, "shape"),
    ],
)
def test_data_that_do_not_fit_are_refused(change, error, named):
    with pytest.raises(error, match=named):
        run(dataset=DIGITS._replace(**change))


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        ({"batch": 0}, ValueError, "batch is 0"),
        ({"batch": 401}, ValueError, "a batch of 401 must be left"),
        ({"epochs": 0}, ValueError, "epochs is 0"),
        ({"every": -1}, ValueError, "every is -1"),
        ({"probe": 500}, ValueError, "probe is 500"),
        ({"learner": "ep"}, TypeError, "learner is a str"),
        ({"dataset": DIGITS.images}, TypeError, "dataset is a ndarray"),
        ({"net": path().feedback}, (TypeError, ValueError), "net|path"),
        ({"learner": nd.TargetLearner("dtp")}, TypeError, "path brings errors"),
    ],
)
def test_numbers_and_objects_that_do_not_fit_are_refused(change, error, named):
    with pytest.raises(error, match=named):
        run(**change)


def test_options_of_learners_are_checked_when_they_are_made():
    with pytest.raises(ValueError, match="matrices is 'new'"):
        nd.FeedbackLearner(matrices="new")
    with pytest.raises(ValueError, match="unknown rule 'dpt'"):
        nd.TargetLearner("dpt")
    with pytest.raises(ValueError, match=r"unknown rule 'vfpe'.*vfep"):
        nd.recipe("vfpe")
