"""Many starts through a fixed number of lanes, in one compiled program.

Each lane follows one trajectory, as `Relax` does, with steps of its own. One that has ended hands
its result over and takes the next start of the queue, so that no lane waits for the slowest.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree

from .following import End, Follower, Lane
from .integrate import Verdict
from .resting import Settled
from .unrolled import unrolled

GROUP = 8  # steps between two looks at which lanes have ended


class _Queue(eqx.Module):
    """The lanes, the start that each one follows (or `count`), the next start, and the results."""

    lane: Lane
    start: Int[Array, " lanes"]
    next: Int[Array, ""]
    found: End


def _settle_share(follower: Follower, starts: PyTree, count: Int[Array, ""], lanes: int) -> Settled:
    """The first `count` of `starts`, settled on one device; what lies behind them means nothing."""
    size = len(jax.tree.leaves(starts)[0])
    advance, begin = jax.vmap(unrolled(follower.advance)), jax.vmap(follower.begin)

    def take(rows):
        return begin(jax.tree.map(lambda leaf: leaf[jnp.minimum(rows, size - 1)], starts))

    def refill(queue: _Queue) -> _Queue:
        lane = jax.lax.fori_loop(0, GROUP, lambda _, lane: advance(lane), queue.lane)
        ended = jax.vmap(lambda verdict: verdict != Verdict.completed)(lane.verdict)
        rows = jnp.where(ended, queue.start, size)  # those that are no rows are dropped
        found = jax.tree.map(
            lambda all_, new: all_.at[rows].set(new, mode="drop"),
            queue.found,
            lane.end(),
        )
        rank = jnp.cumsum(ended, dtype=jnp.int32)
        rows = jnp.where(ended, jnp.minimum(queue.next + rank - 1, count), queue.start)
        renewed = ended & (rows < count)
        lane = jax.tree.map(
            lambda new, old: jnp.where(_as_wide(renewed, old), new, old), take(rows), lane
        )
        return _Queue(lane, jnp.where(rows < count, rows, size), queue.next + rank[-1], found)

    rows = jnp.arange(lanes, dtype=jnp.int32)
    lane = take(rows)
    found = jax.tree.map(lambda leaf: jnp.zeros((size, *leaf.shape[1:]), leaf.dtype), lane.end())
    queue = _Queue(lane, jnp.where(rows < count, rows, size), jnp.asarray(lanes, jnp.int32), found)
    done = jax.lax.while_loop(lambda queue: (queue.start < count).any(), refill, queue)
    return jax.vmap(follower.settled)(done.found)


def _as_wide(which: Bool[Array, " lanes"], leaf: Array) -> Array:
    return which.reshape(which.shape + (1,) * (leaf.ndim - 1))


@eqx.filter_jit
def settle_block(
    follower: Follower, starts: PyTree, count: Int[Array, ""], lanes: int, mesh: Any = None
) -> Settled:
    """The first `count` of a block of starts, settled in `lanes` lanes; the rest means nothing.

    With a `mesh` of the axis "starts" every device takes an equal share of the block, into as many
    lanes each.
    """
    if mesh is None:
        return _settle_share(follower, starts, count, lanes)
    arrays, rest = eqx.partition(follower, eqx.is_array)
    size = len(jax.tree.leaves(starts)[0]) // mesh.size

    def share(arrays, starts, count):
        here = jnp.clip(count - jax.lax.axis_index("starts") * size, 0, size)
        return _settle_share(eqx.combine(arrays, rest), starts, here.astype(jnp.int32), lanes)

    none, along = jax.sharding.PartitionSpec(), jax.sharding.PartitionSpec("starts")
    return jax.shard_map(
        share, mesh=mesh, in_specs=(none, along, none), out_specs=along, check_vma=False
    )(arrays, starts, count)
