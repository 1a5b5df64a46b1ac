"""The claim of [001 §3.1] that the updates of backpropagation may come in random order."""

import random
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter
from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from .backprop_claims import bend


def scalar_updates(depth: int, feedback: bool = False) -> dict[Any, Any]:
    """The updates of s_l and δ_l of a net with one unit a layer; `feedback` adds δ_1 to s_1."""
    s, d, w = ([sp.Symbol(f"{name}{i}") for i in range(depth + 1)] for name in ("s", "δ", "w"))
    u = sp.Symbol("u")
    slope = sp.diff(bend(u), u)
    updates: dict[Any, Any] = {}
    for layer in range(1, depth + 1):
        a = w[layer - 1] * s[layer - 1]
        above = s[depth] - 1 if layer == depth else w[layer] * d[layer + 1]
        updates[s[layer]] = bend(a) + (d[1] if feedback and layer == 1 else 0)
        updates[d[layer]] = slope.subs(u, a) * above
    return updates


def any_order(feedback: bool = False) -> Evidence:
    """No update depends on itself through others, so every long enough sequence is exact."""
    for depth in range(1, 7):
        updates = scalar_updates(depth, feedback)
        needs = {v: update.free_symbols & updates.keys() for v, update in updates.items()}
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError:
            return Evidence(False, "the updates form a loop", f"L = {depth}")
        if depth <= 3 and not _random_orders_agree(updates, order, seed=depth):
            return Evidence(False, "exact counter-example", f"L = {depth}")
    return Evidence(
        _ranks_fall(),
        "no loops among the updates, and exact runs in random order from random starts",
        "every depth",
        {"exact runs": "5 at each of L = 1..3"},
    )


def _ranks_fall() -> bool:
    # rank(s_l) = l and rank(δ_l) = 2L + 1 − l: every update reads lower ranks only, at any depth
    layer, rest = sp.symbols("l rest", integer=True, nonnegative=True)
    depth = layer + rest  # 1 ≤ l ≤ L
    rank_delta = 2 * depth + 1 - layer
    reads = [2 * depth + 1 - (layer + 1), depth, layer - 1]  # δ_{l+1}, s_L (at l = L), s_{l−1}
    return all(sp.expand(rank_delta - read).is_positive for read in reads)


def _random_orders_agree(updates: dict[Any, Any], order: list[Any], seed: int) -> bool:
    draw = random.Random(seed)
    weights = sorted(
        set().union(*(u.free_symbols for u in updates.values())) - updates.keys(), key=str
    )
    fixed = {w: Fraction(draw.randint(-4, 4), 4) for w in weights}
    rules = {v: sp.lambdify([*weights, *order], updates[v], "math") for v in order}

    def run(sequence: list[Any]) -> dict[Any, Fraction]:
        state = {v: Fraction(draw.randint(-4, 4), 4) for v in order}
        for v in sequence:
            state[v] = rules[v](*fixed.values(), *(state[u] for u in order))
        return state

    right = run(order)
    for _ in range(5):
        sequence, left = [], list(order)
        while left:  # until the sequence contains `order`
            sequence.append(draw.choice(order))
            left = left[1:] if sequence[-1] == left[0] else left
        if run(sequence) != right:
            return False
    return True


register(
    Claim(
        "thesis-random-order",
        "001 §3.1",
        "Updates of {s_l, δ_l} in random order reach backpropagation after sufficiently many.",
        any_order,
    )
)
