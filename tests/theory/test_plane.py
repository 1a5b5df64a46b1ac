"""The exact curves of the plane of two weights."""

import pytest

from neurodyn.theory import Chain, PowerChain
from neurodyn.theory.plane import exact_curves

XLIM, YLIM = (-4, 4), (-5, 5)


@pytest.mark.parametrize("c", ["1", "-3/2"])
@pytest.mark.parametrize("alpha", ["2", "-1/3"])
def test_either_side_of_the_boundary_ends_on_different_branches(c, alpha):
    """Certified end points of starts just beside the curve, all along it."""
    chain = Chain(c=(c,), alpha=alpha, beta="3/4")
    (line,) = exact_curves(chain, XLIM, YLIM, points=24)["basin boundary (exact)"]
    ends = []
    for x, y in line:
        start = chain.limit((x, y - 1e-3)), chain.limit((x, y + 1e-3))
        sides = [float(end.n(15)[0]) > 0 for end in start]
        ends.append(sides[0] != sides[1])
    assert len(ends) > 20 and sum(ends) >= len(ends) - 1  # at the tangency both may agree


def test_the_critical_parabola_is_where_the_product_stands_still():
    for chain in (Chain(c=("-1/2",), alpha=1, beta=2), PowerChain(mu=3, c1="1/2", alpha=1, beta=1)):
        (line,) = exact_curves(chain, XLIM, YLIM)["dP/dt = 0"]
        for a1, a2 in line:
            rates = [float(r) for r in chain.rates((a1, a2))]
            mu = 1 if isinstance(chain, Chain) else 3
            change = a1**mu * rates[1] + mu * a1 ** (mu - 1) * a2 * rates[0]
            assert change == pytest.approx(0, abs=1e-9 * (1 + abs(a1) ** 8))


def test_nothing_is_drawn_where_there_is_nothing():
    assert exact_curves(Chain(c=(0,), alpha=1, beta=1), XLIM, YLIM) == {}
    assert exact_curves(Chain(c=(1,), alpha=1, beta=0), XLIM, YLIM) == {}
    assert exact_curves(Chain(c=(1, 2), alpha=1, beta=1), XLIM, YLIM) == {}
    assert list(exact_curves(Chain(c=(1,), alpha=0, beta=1), XLIM, YLIM)) == ["dP/dt = 0"]
    assert exact_curves(Chain(c=(1,), alpha=1, beta=1), (1, 2), (1, 2)) == {}
