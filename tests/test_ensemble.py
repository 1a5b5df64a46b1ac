"""Ensembles against `settle`, start by start, against exact basins, and across being killed."""

import json
import os
import subprocess
import sys
import time

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import SETTLING, bistable
from test_basins import CHAIN, goes_left, to_boundary

import neurodyn as nd
from neurodyn import record
from neurodyn.ensemble import Starts, ensemble
from neurodyn.unrolled import LONGEST, unrolled

UNTYPED = getattr(ensemble, "__wrapped__", ensemble)  # without the tests' type checks


def drawn(count, seed=0, half=2.0):
    return np.random.default_rng(seed).uniform(-half, half, (count, 2))


def same(a, b, exactly=True):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if exactly:
            np.testing.assert_array_equal(np.asarray(x), np.asarray(y))
        else:
            np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-6, atol=1e-9)


# The same as `settle`, start by start


def compared(field, inputs, starts, **options):
    """The ensemble, once it is known that each start ended as `settle` says."""
    method = nd.Relax(
        accuracy=options.get("accuracy", 1e-6),
        max_steps=options.get("max_steps", 2000),
        solver=options.get("solver", dfx.Tsit5()),
    )
    given = {"tol": options.get("tol", 1e-8), "max_time": options.get("max_time", 1000.0)}
    alone = nd.settle(field, inputs, starts, method=method, **given)
    found = ensemble(field, starts, inputs, **options)
    assert (nd.verdict_names(found.verdict) == nd.verdict_names(alone.verdict)).all()
    np.testing.assert_array_equal(found.steps, alone.steps)
    np.testing.assert_array_equal(found.evaluations, alone.evaluations)
    np.testing.assert_allclose(found.time, alone.time, rtol=1e-6)
    np.testing.assert_allclose(found.residual, alone.residual, rtol=1e-5, atol=1e-12)
    for here, there in zip(jax.tree.leaves(found.state), jax.tree.leaves(alone.state), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-6, atol=1e-9)
    return found


def test_each_start_of_the_chain_ends_as_settle_says():
    starts = np.concatenate([drawn(200), [[1.0, 1.0], [-0.5, -2.0], [2.0, 0.5]]])
    found = compared(CHAIN, None, starts)
    assert found.counts() == {"settled": 203}
    assert not found.time[-3:].any() and not found.steps[-3:].any()  # at rest to begin with
    np.testing.assert_array_equal(found.state[-3:], starts[-3:])
    np.testing.assert_allclose(np.prod(found.state, axis=1), 1, atol=3e-8)


@pytest.mark.slow
def test_another_solver_takes_the_same_steps_too():
    compared(CHAIN, None, drawn(64), solver=dfx.Dopri8())


def test_layers_and_inputs():
    problem = SETTLING[0]
    key = iter(jax.random.split(jax.random.key(0), 3))
    starts = jax.tree.map(
        lambda leaf: jax.random.normal(next(key), (40, *leaf.shape)), problem.fixed_point
    )
    found = compared(problem.field, problem.inputs, starts)
    for layer, exact in zip(found.state, problem.fixed_point, strict=True):
        np.testing.assert_allclose(layer, np.broadcast_to(exact, layer.shape), atol=1e-7)


def kinds(t, s, x):
    """ds/dt of a number and of its kind, which stays: settling, blowing up, drifting, …"""
    a, kind = s
    ways = [-a, a**2 + 1, jnp.ones_like(a), 1 + 0.9 * jnp.sin(20 * a), -jnp.log(a)]
    return jnp.stack([jnp.select([kind == k for k in range(5)], ways), jnp.zeros_like(a)])


def test_each_verdict_is_told_beside_all_the_others():
    a, kind = np.meshgrid([-2.0, 0.5, 1.0, 3.0], np.arange(5.0))
    starts = np.stack([a.ravel(), kind.ravel()], axis=1)
    field = nd.Field(kinds, state=jnp.zeros(2))
    found = compared(field, None, starts, max_time=100.0, max_steps=400, lanes=2)
    names = nd.verdict_names(found.verdict).reshape(5, 4)
    assert [set(row) for row in names[:4]] == [
        {"settled"},
        {"diverged"},
        {"timed_out"},
        {"out_of_steps"},
    ]
    assert names[4].tolist() == ["diverged", "settled", "settled", "settled"]  # no log of −2
    end, time = np.asarray(found.state)[:, 0].reshape(5, 4), np.asarray(found.time).reshape(5, 4)
    np.testing.assert_allclose(end[0], 0, atol=1e-8)
    np.testing.assert_allclose(time[1], np.pi / 2 - np.arctan(a[1]), atol=1e-4)
    np.testing.assert_allclose(end[2], a[2] + 100)
    np.testing.assert_allclose(end[4, 1:], 1, atol=1e-8)
    assert set(np.asarray(found.steps).reshape(5, 4)[3]) == {400}


def test_float32():
    flow = nd.Field(
        lambda t, s, x: (1 - s[0] * s[1]) * jnp.stack([jnp.ones_like(s[0]), s[0]]),
        state=jnp.zeros(2, jnp.float32),
    )  # the chain
    starts = drawn(64).astype(np.float32)
    found = ensemble(flow, starts, tol=1e-5, accuracy=1e-5)
    assert found.counts() == {"settled": 64} and found.state.dtype == found.time.dtype == np.float32
    clear = to_boundary(starts) > 1e-2
    left = np.asarray(found.state[:, 0] < 0)
    np.testing.assert_array_equal(left[clear], goes_left(starts.astype(float))[clear])
    with pytest.raises(ValueError, match="below what float32 can resolve"):
        ensemble(flow, starts, tol=1e-8)


# Lanes, blocks, order


@settings(max_examples=12)
@given(
    count=st.integers(1, 64),
    lanes=st.sampled_from((1, 64)),
    block=st.sampled_from((1, 7, 64, 1000)),
    made=st.booleans(),
)
def test_neither_lanes_nor_blocks_matter(count, lanes, block, made):
    whole = ensemble(CHAIN, drawn(64))
    starts = drawn(64)[:count]
    given = {"starts": lambda rows: starts[rows], "count": count} if made else {"starts": starts}
    found = ensemble(CHAIN, lanes=lanes, block=max(block, count // 4), **given)
    assert len(found.residual) == count
    same(found, jax.tree.map(lambda leaf: leaf[:count], whole), exactly=False)
    np.testing.assert_array_equal(found.steps, whole.steps[:count])


def test_starts_may_lie_in_a_file_and_only_blocks_of_it_are_looked_at(tmp_path):
    np.save(tmp_path / "starts.npy", drawn(300))
    lying = np.load(tmp_path / "starts.npy", mmap_mode="r")
    same(ensemble(CHAIN, lying, block=64), ensemble(CHAIN, drawn(300), block=64))
    looked = []
    ensemble(CHAIN, lambda k: looked.append(len(k)) or drawn(300)[k], count=300, block=64)
    assert max(looked) == 64 and sum(looked) == 300 + 1  # one before, to see what they are


def test_progress_goes_to_stderr_only(capsys):
    ensemble(CHAIN, drawn(64), progress=True)
    told = capsys.readouterr()
    assert not told.out and "settling" in told.err and "64/64" in told.err


def test_doubled_starts_have_doubled_ends():
    starts = drawn(50)[np.r_[:50, :50]]
    found = ensemble(CHAIN, starts, block=64)
    np.testing.assert_array_equal(found.state[:50], found.state[50:])


# On disk


def test_a_folder_holds_the_same_numbers(tmp_path):
    starts, out = drawn(150), tmp_path / "runs" / "chain.zarr"
    found, kept = ensemble(CHAIN, starts), ensemble(CHAIN, starts, out=out, block=64)
    same(record.from_dataset(kept), found)
    assert json.loads(kept.attrs["verdict_counts"]) == {"settled": 150}
    assert set(json.loads(kept.attrs["versions"])) >= {"neurodyn", "jax", "zarr"}
    assert kept.state.dims == ("sample", "unit") and kept.verdict.dtype == np.int8
    told = dict(zip(kept.verdict.flag_values, kept.verdict.flag_meanings.split(), strict=True))
    assert told[int(kept.verdict[0])] == "settled"
    assert not list(out.parent.glob(".*"))  # nothing half-made beside it
    again = ensemble(CHAIN, starts, out=out, block=64)
    assert again.attrs["created"] == kept.attrs["created"]


def test_layers_have_a_name_each(tmp_path):
    problem = SETTLING[0]
    starts = jax.tree.map(lambda leaf: np.zeros((5, *leaf.shape)), problem.fixed_point)
    kept = ensemble(problem.field, starts, problem.inputs, out=tmp_path / "net.zarr")
    assert kept.layer_2.dims == ("sample", "unit_2")
    same(record.from_dataset(kept).state, ensemble(problem.field, starts, problem.inputs).state)


def test_a_tree_of_arrays_is_kept_leaf_by_leaf(tmp_path):
    field = nd.Field(
        lambda t, s, x: {"a": -s["a"], "b": 1 - s["b"]},
        state={"a": jnp.zeros((2, 3)), "b": jnp.zeros(())},
    )
    starts = {"a": np.ones((5, 2, 3)), "b": np.zeros(5)}
    kept = ensemble(field, starts, out=tmp_path / "tree.zarr")
    assert kept.layer_1.dims == ("sample", "unit_1", "unit_1_1") and kept.layer_2.shape == (5,)
    np.testing.assert_allclose(kept.layer_1, 0, atol=1e-8)
    np.testing.assert_allclose(kept.layer_2, 1, atol=1e-8)


def test_a_block_without_its_mark_is_done_again_and_no_other(tmp_path):
    starts, out = drawn(150), tmp_path / "chain.zarr"
    whole = ensemble(CHAIN, starts, out=out, block=64).load()
    group = zarr.open_group(out)
    group["done"][1] = 0
    group["state"][64:100] = 7.0  # half a block written, without a mark
    group["residual"][0] = 5.0  # a block that is done is believed
    again = ensemble(CHAIN, starts, out=out, block=64).load()
    np.testing.assert_array_equal(again.state, whole.state)
    assert float(again.residual[0]) == 5.0 and np.asarray(zarr.open_group(out)["done"]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tol": 1e-7}, "its tol is 1e-08, not 1e-07"),
        ({"max_time": 9.0}, "its max_time is 1000.0, not 9.0"),
        ({"accuracy": 1e-5}, "its method is"),
        ({"block": 32}, "its block is 64, not 32"),
        ({"starts": drawn(150, seed=1)}, "its"),
        ({"starts": drawn(149)}, "its"),
        ({"flow": nd.chain_flow(c=(0.5,), alpha=1.0, beta=1.0)}, "its weights is"),
    ],
)
def test_another_ensemble_is_refused(kept_once, change, words):
    given = {"flow": CHAIN, "starts": drawn(150), "out": kept_once, "block": 64} | change
    with pytest.raises(ValueError, match=words):
        UNTYPED(**given)


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory):
    out = tmp_path_factory.mktemp("kept") / "chain.zarr"
    ensemble(CHAIN, drawn(150), out=out, block=64)
    return out


def test_what_a_closure_holds_is_noticed(tmp_path):
    def flow(rate):
        return nd.Field(lambda t, s, x: -rate * s, state=jnp.zeros(2))

    ensemble(flow(1.0), drawn(20), out=tmp_path / "decay.zarr")
    with pytest.raises(ValueError, match="its flow at some starts is"):
        ensemble(flow(2.0), drawn(20), out=tmp_path / "decay.zarr")


def test_a_foreign_folder_or_file_is_refused(tmp_path, kept_once):
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    zarr.create_group(tmp_path / "other.zarr")
    broken = tmp_path / "broken.zarr"
    broken.mkdir()
    (broken / "zarr.json").write_text("{", "utf-8")
    for out in (tmp_path, tmp_path / "notes.txt", tmp_path / "other.zarr", broken):
        with pytest.raises(ValueError, match="not a whole ensemble"):
            ensemble(CHAIN, drawn(150), out=out)
    assert (tmp_path / "notes.txt").read_text("utf-8") == "mine"


SCRIPT = """
import sys, jax, numpy as np
jax.config.update("jax_enable_x64", True)
import neurodyn as nd
from neurodyn.ensemble import ensemble
starts = np.random.default_rng(0).uniform(-2, 2, (40 * 256, 2))
flow = nd.chain_flow(c=(1.0,), alpha=1.0, beta=1.0)
assert len(jax.devices()) == 2
ensemble(flow, starts, block=256, out=sys.argv[1], devices=jax.devices())
"""


def test_two_devices_killed_half_way_and_one_that_goes_on_give_the_same(tmp_path):
    out = tmp_path / "chain.zarr"
    flags = os.environ["XLA_FLAGS"] + " --xla_force_host_platform_device_count=2"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(out)], env=os.environ | {"XLA_FLAGS": flags}
    )
    try:
        deadline = time.monotonic() + 200
        while not (out / "done" / "c" / "3").exists() and process.poll() is None:
            assert time.monotonic() < deadline, "no block was done"
            time.sleep(0.002)
    finally:
        process.kill()  # SIGKILL: nothing is cleared up
        process.wait()
    done = np.asarray(zarr.open_group(out)["done"])
    assert 4 <= done.sum() < len(done) == 40, "it was not killed on its way"
    starts = drawn(40 * 256)
    resumed = ensemble(CHAIN, starts, block=256, out=out).load()
    assert np.asarray(zarr.open_group(out)["done"]).all()
    same(record.from_dataset(resumed), ensemble(CHAIN, starts, block=256))
    assert json.loads(resumed.attrs["verdict_counts"]) == {"settled": 40 * 256}


# Refusals


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"starts": None}, ValueError, "starts is None"),
        ({"starts": np.zeros(2)}, ValueError, "starts is a single state"),
        ({"starts": np.zeros((0, 2))}, ValueError, "batch is empty"),
        ({"starts": np.zeros((4, 3))}, ValueError, r"starts has shape \(4, 3\)"),
        ({"starts": (np.zeros((4, 2)),)}, ValueError, "starts must be an array"),
        ({"starts": np.array([[0.0, np.nan]])}, ValueError, "starts holds NaN"),
        ({"starts": np.array([[0.0, 1.0], [np.inf, 0.0]])}, ValueError, "starts holds NaN"),
        ({"starts": np.zeros((4, 2), int)}, TypeError, "starts has dtype int"),
        ({"starts": drawn}, ValueError, "count is None"),
        ({"starts": lambda k: np.zeros((len(k), 3)), "count": 4}, ValueError, "has shape"),
        ({"starts": lambda k: np.zeros((1, 2)), "count": 4}, ValueError, r"must have shape \(4"),
        ({"count": 4}, ValueError, "count goes with starts"),
        ({"inputs": np.zeros(3)}, ValueError, "inputs must be None"),
        ({"tol": 0.0}, ValueError, "tol=0"),
        ({"accuracy": 0.0}, ValueError, "accuracy is 0"),
        ({"max_time": -1.0}, ValueError, "max_time is -1"),
        ({"max_steps": 0}, ValueError, "max_steps is 0"),
        ({"lanes": 0}, ValueError, "lanes is 0"),
        ({"block": 2.5}, ValueError, "block is 2.5"),
        ({"devices": []}, ValueError, "devices is empty"),
        ({"solver": dfx.Euler()}, TypeError, "solver is Euler"),
        ({"solver": dfx.Kvaerno5()}, TypeError, "solver is Kvaerno5: give an explicit"),
    ],
)
def test_refusals(change, error, words):
    given = {"flow": CHAIN, "starts": np.zeros((4, 2)), "inputs": None} | change
    with pytest.raises(error, match=words):
        UNTYPED(**given)


def test_inputs_of_a_batch_are_refused():
    field, _, _ = bistable()
    with pytest.raises(ValueError, match="inputs hold a batch"):
        ensemble(field, np.zeros((4, 2)), jnp.zeros((4, 2)))


def test_layers_of_different_length_are_refused():
    problem = SETTLING[0]
    starts = tuple(np.zeros((k + 2, *leaf.shape)) for k, leaf in enumerate(problem.fixed_point))
    with pytest.raises(ValueError, match=r"different sizes: \[2, 3, 4\]"):
        Starts(problem.field, starts)


# Loops written out


@pytest.mark.parametrize("solver", [dfx.Heun(), dfx.Tsit5(), dfx.Dopri8()])
def test_a_step_written_out_is_the_step(solver):
    term, drive = dfx.ODETerm(CHAIN.flow), CHAIN.drive(None)

    def step(state, t1):
        begun = solver.init(term, 0.0, t1, state, drive)
        return solver.step(term, jnp.zeros_like(t1), t1, state, drive, begun, False)[:2]

    given = jnp.array([0.3, -1.2]), jnp.asarray(0.1)
    for here, there in zip(unrolled(step)(*given), step(*given), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-12, atol=1e-16)
    written = str(jax.make_jaxpr(unrolled(step))(*given))
    assert "while[" not in written and "dot_general[" not in written


def test_loops_of_unknown_or_great_length_stay():
    def halved(x, n):
        return jax.lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] / 2), (0, x))[1]

    unknown = jax.jit(unrolled(halved))
    assert float(unknown(1.0, 5)) == 1 / 32
    assert "while[" in str(jax.make_jaxpr(unrolled(halved))(1.0, 5))
    long = unrolled(lambda x: halved(x, LONGEST + 1))
    assert "while[" in str(jax.make_jaxpr(long)(1.0)) and float(long(1.0)) == 0.5 ** (LONGEST + 1)
    assert "while[" not in str(jax.make_jaxpr(unrolled(lambda x: halved(x, LONGEST)))(1.0))


@pytest.mark.slow
def test_a_million_starts_lie_on_their_side_of_the_exact_boundary():
    starts = drawn(10**6, seed=7)
    found = ensemble(CHAIN, starts)
    settled = np.asarray(found.ok)
    # those that the boundary leads to where it touches the curve of fixed points take for ever
    assert (~settled).sum() < 10 and (to_boundary(starts[~settled]) < 1e-3).all()
    assert set(found.counts()) <= {"settled", "timed_out"}
    assert float(found.residual[settled].max()) <= 1e-8
    wrong = np.asarray(found.state[:, 0] < 0) != goes_left(starts)
    assert wrong.sum() < 20 and (to_boundary(starts[wrong]) < 1e-5).all()
