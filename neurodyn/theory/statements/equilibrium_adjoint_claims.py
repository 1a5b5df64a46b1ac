"""Claims of [003] Appendix B: continuous-time backpropagation, and recurrent backpropagation.

L(θ, s, t) is the cost after time t from state s. Theorem 6 is proved for undefined functions from
the invariance of L along a trajectory (Eq 49), and tried on a flow with a closed form.
"""

from typing import Any

import sympy as sp

from ..claim import Claim, Evidence, register
from ..equilibrium import (
    FixedPointSystem,
    generic_polynomial,
    inverse,
    put,
    require,
    vanishes,
)
from .equilibrium_stability_claims import TURN

T = sp.Symbol("t", real=True)
THETA = sp.Symbol("theta", positive=True)
S, DURATION = sp.symbols("s T", positive=True)


def logistic_flow(start: sp.Expr, time: sp.Expr) -> sp.Expr:
    """The state of ds/dt = s(θ − s) after `time` from `start`."""
    grown = sp.exp(THETA * time)
    return THETA * start * grown / (THETA + start * (grown - 1))


LOGISTIC = S * (THETA - S)
LOSS = THETA * logistic_flow(S, T) ** 2
"""L(θ, s, t) of Eq 42 for the logistic flow with the cost C = θ s²."""


def backwards(expression: Any) -> Any:
    """An expression in s along s_{T−t} of the logistic flow."""
    return put(expression, {S: logistic_flow(S, DURATION - T)})


def _undefined(n: int) -> tuple[tuple[sp.Symbol, ...], list[sp.Expr], sp.Expr]:
    """States, an undefined field μ(θ, s) and an undefined loss L(θ, s, t)."""
    s = sp.symbols(f"s0:{n}")
    field = [sp.Function(f"mu{i}")(THETA, *s) for i in range(n)]
    return s, field, sp.Function("L")(THETA, *s, T)


def _time_slope(s: tuple[sp.Symbol, ...], field: list[sp.Expr], loss: sp.Expr) -> sp.Expr:
    """∂L/∂t = ∂L/∂s·μ [003 Eq 48]."""
    return sum((loss.diff(u) * mu for u, mu in zip(s, field, strict=True)), sp.S.Zero)


def check_eq_48(sign: int = -1) -> Evidence:
    """dL(s_u, t − u)/du = −∂L/∂t + ∂L/∂s·μ at u = 0, and 0 on the logistic flow."""
    good = True
    u = sp.Symbol("u")
    for n in (1, 2, 3):
        s = sp.symbols(f"s0:{n}")
        loss = generic_polynomial("L", (*s, T), 2)  # a first derivative needs no more
        speed = sp.symbols(f"mu0:{n}")
        path = {**{a: v * u for a, v in zip(s, speed, strict=True)}, T: -u}
        found = put(put(loss, path).diff(u), {u: 0})
        here = dict.fromkeys((*s, T), 0)
        chain = _time_slope(s, list(speed), loss) + sign * loss.diff(T)
        good = good and vanishes(found - put(chain, here))
    onwards = logistic_flow(logistic_flow(S, u), T - u) - logistic_flow(S, T)  # Eq 49
    good = good and sp.simplify(onwards) == 0
    good = good and sp.simplify(LOSS.diff(T) - LOSS.diff(S) * LOGISTIC) == 0
    return Evidence(good, "chain rule, symbolic; and one closed flow", "1, 2, 3 states")


def check_eq_44(sign: int = 1) -> Evidence:
    """d/dt ∂L/∂s(s_{T−t}, t) = (∂μ/∂s)ᵀ ∂L/∂s: Eq 53–55, and the logistic flow."""
    good = True
    for n in (1, 2, 3):
        s, field, loss = _undefined(n)
        slope = _time_slope(s, field, loss)
        for a in s:
            moved = sum(loss.diff(a, b) * mu for b, mu in zip(s, field, strict=True))
            total = slope.diff(a) - moved  # Eq 54
            adjoint = sum(mu.diff(a) * loss.diff(b) for b, mu in zip(s, field, strict=True))
            good = good and vanishes(total - sign * adjoint)
    process = backwards(LOSS.diff(S))
    slope = backwards(LOGISTIC.diff(S))
    good = good and sp.simplify(process.diff(T) - sign * slope * process) == 0
    return Evidence(good, "symbolic identity, any μ and C", "1, 2, 3 states")


def check_eq_45(sign: int = 1) -> Evidence:
    """d/dt ∂L/∂θ(θ, s_{T−t}, t) = (∂μ/∂θ)ᵀ ∂L/∂s, in general and on the logistic flow."""
    good = True
    for n in (1, 2, 3):
        s, field, loss = _undefined(n)
        slope = _time_slope(s, field, loss)
        moved = sum(loss.diff(THETA, b) * mu for b, mu in zip(s, field, strict=True))
        adjoint = sum(mu.diff(THETA) * loss.diff(b) for b, mu in zip(s, field, strict=True))
        good = good and vanishes(slope.diff(THETA) - moved - sign * adjoint)
    # s_{T−t} depends on θ too: the partial derivative is taken first
    process = backwards(LOSS.diff(THETA))
    by_state = backwards(LOSS.diff(S))
    slope = backwards(LOGISTIC.diff(THETA))
    good = good and sp.simplify(process.diff(T) - sign * slope * by_state) == 0
    return Evidence(good, "symbolic identity, any μ and C", "1, 2, 3 states")


def check_eq_52_zero() -> Evidence:
    """Whether ∂²L/∂t∂s = 0 for μ = −s, C = ½s²."""
    s = sp.Symbol("s")
    loss = (s * sp.exp(-T)) ** 2 / 2
    mixed = loss.diff(T, s)
    values: dict[str, object] = {"μ": "-s", "C": "s**2/2", "∂²L/∂t∂s": str(mixed)}
    return Evidence(vanishes(mixed), "exact counter-example", "one state", values)


def check_eq_52() -> Evidence:
    """∂²L/∂t∂s = ∂²L/∂s²·μ + (∂μ/∂s)ᵀ·∂L/∂s, from Eq 48."""
    good = True
    for n in (1, 2, 3):
        s, field, loss = _undefined(n)
        by_state = sp.Matrix([loss.diff(a) for a in s])
        jac = sp.Matrix(field).jacobian(s)
        right = sp.hessian(loss, s) * sp.Matrix(field) + jac.T * by_state
        left = sp.Matrix([_time_slope(s, field, loss).diff(a) for a in s])
        good = good and vanishes(left - right)
    return Evidence(good, "symbolic identity, any μ and C", "1, 2, 3 states")


def check_cor_7(sign: int = 1) -> Evidence:
    """Eq 46, 47: time slope and adjoint term differ by multiples of μ, which is 0 at s⁰."""
    good = True
    for n in (1, 2, 3):
        s, field, loss = _undefined(n)
        speed, slope = sp.Matrix(field), _time_slope(s, field, loss)
        by_state = sp.Matrix([loss.diff(a) for a in s])
        for by, terms in ((s, speed.jacobian(s)), ((THETA,), speed.jacobian([THETA]))):
            left = sp.Matrix([slope.diff(a) for a in by])
            multiples = sp.Matrix([[loss.diff(a, b) for b in s] for a in by]) * speed
            good = good and vanishes(left - sign * terms.T * by_state - multiples)
    at_rest, decay = put(LOSS.diff(S), {S: THETA}), put(LOGISTIC.diff(S), {S: THETA})
    good = good and sp.simplify(at_rest.diff(T) - sign * decay * at_rest) == 0
    return Evidence(good, "symbolic identity, any μ and C", "1, 2, 3 states")


def recurrent_process() -> tuple[sp.Matrix, sp.Matrix, tuple[sp.Symbol, sp.Symbol]]:
    """A generic 2×2 Jacobian and e^{Jᵀt}, with its two exponentials as the symbols returned.

    The eigenvalues are m ± δ; the symbols stand for e^{(m+δ)t} and e^{(m−δ)t}.
    """
    m, q, b, delta = sp.symbols("m q b delta")
    jac = sp.Matrix([[m + q, b], [(delta**2 - q**2) / b, m - q]])
    fast, slow = sp.symbols("p_plus p_minus")
    skew = (jac.T - m * sp.eye(2)) / delta
    return jac, (fast * (sp.eye(2) + skew) + slow * (sp.eye(2) - skew)) / 2, (fast, slow)


def check_cor_7_formula(sign: int = 1) -> Evidence:
    """∂L/∂θ(t) = C_θ + μ_θᵀJ⁻ᵀ(e^{Jᵀt} − I)C_s solves Eq 46 and 47 from C_s, C_θ; its limit."""
    jac, exponential, (fast, slow) = recurrent_process()
    m, delta = sp.symbols("m delta")
    c_s, mu_theta = sp.Matrix(sp.symbols("c0 c1")), sp.Matrix(sp.symbols("f0 f1"))
    by_state = exponential * c_s
    c_theta = sp.Symbol("c_theta")
    back = inverse(jac).T
    by_theta = c_theta + sign * (mu_theta.T * back * (by_state - c_s))[0]

    def rate(e: Any) -> Any:
        return e.diff(fast) * (m + delta) * fast + e.diff(slow) * (m - delta) * slow

    start, end = {fast: 1, slow: 1}, {fast: 0, slow: 0}
    good = vanishes(by_state.applyfunc(rate) - jac.T * by_state)  # Eq 46
    good = good and vanishes(rate(by_theta) - (mu_theta.T * by_state)[0])  # Eq 47
    good = good and vanishes(by_state.subs(start) - c_s)
    good = good and vanishes(by_theta.subs(start) - c_theta)
    eq_32 = c_theta - (c_s.T * inverse(jac) * mu_theta)[0]
    good = good and vanishes(by_theta.subs(end) - eq_32)
    return Evidence(good, "symbolic identity", "two states, generic J with distinct eigenvalues")


def check_cor_7_limit() -> Evidence:
    """The limit at a contracting fixed point whose Jacobian only turns: μ = Ωs − |s|²s + (θ, 0)."""
    s = sp.symbols("s0 s1", real=True)
    radius = s[0] ** 2 + s[1] ** 2
    pure = TURN * sp.Matrix(s) - radius * sp.Matrix(s)
    require(vanishes(sp.Matrix(s).dot(pure) + radius**2), "the fixed point is contracting")
    system = FixedPointSystem((pure[0] + THETA, pure[1]), s, (THETA,), s[0])
    at = {s[0]: sp.S.Zero, s[1]: sp.S.Zero, THETA: sp.S.Zero}
    jac, mu_theta = system.jacobian(at), system.sensitivity(at)
    by_state = sp.simplify((jac.T * T).exp()) * system.cost_by_state(at).T
    by_theta = sp.simplify((mu_theta.T * by_state)[0].integrate((T, 0, T)))
    gradient = system.gradient(at)[0]
    limit = sp.limit(by_theta, T, sp.oo)
    values: dict[str, object] = {
        "J": str(jac.tolist()),
        "∂L/∂θ(t)": str(by_theta),
        "Eq 32": str(gradient),
    }
    return Evidence(limit == gradient, "exact counter-example", "two states", values)


CLAIMS = (
    Claim(
        "vfep-thm6-invariance",
        "003 Eq 48–51",
        "L(s_u, t − u) does not depend on u, so ∂L/∂t = ∂L/∂s·μ",
        check_eq_48,
    ),
    Claim(
        "vfep-thm6-state",
        "003 Thm 6, Eq 44, 53–55",
        "d/dt ∂L/∂s_{T−t} = (∂μ/∂s)ᵀ·∂L/∂s_{T−t}",
        check_eq_44,
    ),
    Claim(
        "vfep-thm6-parameter",
        "003 Thm 6, Eq 45",
        "d/dt ∂L/∂θ(θ, s_{T−t}, t) = (∂μ/∂θ)ᵀ·∂L/∂s_{T−t}",
        check_eq_45,
    ),
    Claim(
        "vfep-eq52",
        "003 Eq 52",
        "∂²L/∂t∂s = ∂²L/∂s²·μ + (∂μ/∂s)ᵀ·∂L/∂s = 0",
        check_eq_52_zero,
        check_eq_52,
        correction="∂²L/∂t∂s = ∂²L/∂s²·μ + (∂μ/∂s)ᵀ·∂L/∂s, without the trailing = 0",
        reason="the derivative of Eq 48 is an identity between two sides that need not vanish",
    ),
    Claim(
        "vfep-cor7",
        "003 Cor 7, Eq 46, 47",
        "at the fixed point, ∂L/∂s and ∂L/∂θ obey the adjoint equations with constant J and μ_θ",
        check_cor_7,
    ),
    Claim(
        "vfep-cor7-limit",
        "003 Cor 7, App B.1",
        "at a stable fixed point ∂L/∂θ(θ, s⁰, t) tends to ∂J/∂θ as t → ∞",
        check_cor_7_limit,
        check_cor_7_formula,
        correction="∂L/∂θ(t) = C_θ + μ_θᵀJ⁻ᵀ(e^{Jᵀt} − I)C_s, which tends to Eq 32 as e^{Jᵀt} → 0",
        hypothesis="J Hurwitz: every eigenvalue has negative real part",
        reason="a fixed point can attract with imaginary eigenvalues: e^{Jᵀt} then turns for ever",
    ),
)

for claim in CLAIMS:
    register(claim)
