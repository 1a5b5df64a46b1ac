"""Claims of 002, third part: the propagation architecture and the exact form of the difference
correction (Eq 18–29), with words of bijections in place of examples."""

from collections.abc import Sequence

import sympy as sp
from sympy.combinatorics.free_groups import FreeGroupElement, free_group

from ..claim import Claim, Evidence, register
from ..layers import Expr, vanishes
from ..target import Maps, word

_GROUP, _F_MU, _F_NU, _PSI, _G_MU = free_group("f_mu f_nu psi g_mu")
_ID: FreeGroupElement = _GROUP.identity
_T = sp.Symbol("t", real=True)


def _shortcut() -> Evidence:
    """ψ_l(h_l) of Eq 20 is τ_l of Eq 18, with all f, g and ψ_L open."""
    x = sp.Symbol("x")
    for layers in range(1, 7):
        f = [sp.Function(f"f{k}") for k in range(1, layers + 1)]
        g = [sp.Function(f"g{k}") for k in range(1, layers + 1)]
        psi = sp.Function("psi_L")
        h: list[Expr] = [x]
        for encoder in f:
            h.append(encoder(h[-1]))
        tau = [psi(h[-1])]  # τ_L
        for decoder in reversed(g):
            tau.insert(0, decoder(tau[0]))  # Eq 18
        for low in range(layers + 1):
            value = h[low]
            for encoder in f[low:]:
                value = encoder(value)
            value = psi(value)
            for decoder in reversed(g[low:]):
                value = decoder(value)  # Eq 20
            if value != tau[low]:
                return Evidence(False, "compositions differ", f"L = {layers}, l = {low}")
    return Evidence(True, "compositions of open maps compared", "L = 1..6, every l")


def eq29() -> Maps:
    """g^ν = id + (f^ν)⁻¹ψ⁻¹(g^μ)⁻¹ − g^μψ⁻¹(g^μ)⁻¹ [002 Eq 29]."""
    return word(_ID) + word(_F_NU**-1 * _PSI**-1 * _G_MU**-1) - word(_G_MU * _PSI**-1 * _G_MU**-1)


def solves_eq28(candidate: Maps, f: FreeGroupElement, f_mu: FreeGroupElement) -> bool:
    """Whether f^μ∘g^ν∘g^μ∘ψ∘f = g^μψf + f^μ − g^μf, where `candidate` stands for f^μ∘g^ν."""
    left = candidate.after(_G_MU * _PSI * f)
    right = word(_G_MU * _PSI * f) + word(f_mu) - word(_G_MU * f)
    return (left - right).terms == {}


def _outer_map_example() -> Evidence:
    """Eq 29 in Eq 28 with f^μ(t) = 2t−3, f^ν(t) = 2t+1, g^μ(t) = 3t−1, ψ(t) = 9t/10 + 1/20."""
    f_mu, f_nu, g_mu = 2 * _T - 3, 2 * _T + 1, 3 * _T - 1
    psi = sp.Rational(9, 10) * _T + sp.Rational(1, 20)
    printed = affine_eq29(f_nu, g_mu, psi)
    f = _chain(f_nu, f_mu)
    target = _chain(g_mu, psi, f)
    gap = sp.expand(_chain(f_mu, printed, target) - (target + f_mu - _chain(g_mu, f)))
    shown: dict[str, object] = {"f^μ, f^ν, g^μ, ψ": "2t−3, 2t+1, 3t−1, 9t/10+1/20", "gap": str(gap)}
    return Evidence(gap == 0, "exact counter-example", "affine maps", shown)


def _chain(*maps: Expr) -> Expr:
    """The composition of maps given as expressions in t, the last applied first."""
    value: Expr = _T
    for outer in reversed(maps):
        value = sp.expand(outer.subs(_T, value))
    return value


def _inverse(affine: Expr) -> Expr:
    image = sp.Symbol("image")
    return sp.solve(affine - image, _T)[0].subs(image, _T)


def affine_eq29(f_nu: Expr, g_mu: Expr, psi: Expr) -> Expr:
    """g^ν of Eq 29 for affine maps given as expressions in `t` (a real symbol).

    >>> t = sp.Symbol("t", real=True)
    >>> affine_eq29(2 * t + 1, 3 * t - 1, sp.Rational(9, 10) * t + sp.Rational(1, 20))
    2*t/27 - 31/108
    """
    back = _chain(_inverse(psi), _inverse(g_mu))
    return sp.expand(_T + _chain(_inverse(f_nu), back) - _chain(g_mu, back))


def eq29_exact(missing_term: bool = False) -> Evidence:
    """Eq 29 solves Eq 28 with f^μ = id, is its only solution, and gives the target of Eq 8.

    All words are maps of any spaces. `missing_term` drops the last term, which must fail.
    """
    found = eq29() + word(_G_MU * _PSI**-1 * _G_MU**-1) if missing_term else eq29()
    solves = solves_eq28(found, _F_NU, _ID)
    # the only one: Eq 28 applied after (g^μψf^ν)⁻¹ names g^ν itself
    right = word(_G_MU * _PSI * _F_NU) + word(_ID) - word(_G_MU * _F_NU)
    only = (right.after((_G_MU * _PSI * _F_NU) ** -1) - found).terms == {}
    # with f^μ open the same bracket is f^μ∘g^ν, so an outer (f^μ)⁻¹ is needed
    outer = solves_eq28(found, _F_NU * _F_MU, _F_MU)
    shown: dict[str, object] = {"f^μ open": "g^ν = (f^μ)⁻¹∘[right side of Eq 29]"}
    if not (solves and only and outer):
        return Evidence(False, "words differ")
    return Evidence(True, "words of bijections compared", "all bijections", shown)


# ψ_L must be a bijection


def _squared_error_map(beta: Expr) -> Expr:
    """ψ_L(h) = h − β(h − y): Eq 5 with the squared error."""
    h, y = sp.symbols("h y", real=True)
    return h - beta * (h - y)


def _every_beta_squared() -> Evidence:
    """ψ_L at β = 1 is the constant y."""
    value = _squared_error_map(sp.S.One)
    slope = value.diff(sp.Symbol("h", real=True))
    shown: dict[str, object] = {"β": 1, "ψ_L(h)": str(sp.expand(value)), "slope": str(slope)}
    return Evidence(slope != 0, "exact counter-example", "β = 1", shown)


def squared_error_inverse() -> Evidence:
    """ψ_L⁻¹(z) = (z − βy)/(1 − β), from both sides."""
    beta, h, y = sp.symbols("beta h y", real=True)
    forward = _squared_error_map(beta)
    back = (h - beta * y) / (1 - beta)
    both = (forward.subs(h, back) - h, back.subs(h, forward) - h)
    return Evidence(
        all(sp.cancel(gap) == 0 for gap in both), "explicit inverse", "all β ≠ 1, h, y, coordinate"
    )


def _every_beta_softmax() -> Evidence:
    """β = 2 ln 3: h = (0, 0) and h = (ln 3, −ln 3)/2 have one image under ψ_L(h) = h − β(p − y)."""
    beta = 2 * sp.log(3)
    label = sp.Matrix([1, 0])
    images = []
    for h in (sp.zeros(2, 1), sp.Matrix([sp.log(3), -sp.log(3)]) / 2):
        powers = h.applyfunc(sp.exp)
        images.append(h - beta * (powers / sum(powers) - label))
    gap = [sp.simplify(v) for v in images[0] - images[1]]
    shown: dict[str, object] = {"β": "2 ln 3 ≈ 2.197", "points": "(0,0), (ln 3, −ln 3)/2"}
    return Evidence(any(gap), "exact counter-example: equal images", "2 classes", shown)


def softmax_bound() -> Evidence:
    """vᵀ(diag p − ppᵀ)v ≤ ‖v‖²/2, so ∂ψ_L/∂h ≥ 1 − β/2 > 0 and ψ_L is a bijection.

    With M and m the largest and least v_i and E the mean under p:
    (M−Ev)(Ev−m) − Var v = E[(M−v)(v−m)] ≥ 0, and ((M−m)/2)² − (M−Ev)(Ev−m) and
    (M²+m²)/2 − ((M−m)/2)² are squares. A gradient of a strongly convex function is a bijection.
    """
    for n in range(2, 7):
        p, v = sp.symbols(f"p:{n}"), sp.symbols(f"v:{n}")
        p = (*p[:-1], 1 - sum(p[:-1]))
        covariance = sp.diag(*p) - sp.Matrix(p) * sp.Matrix(p).T
        form = (sp.Matrix([v]) * covariance * sp.Matrix(v))[0]
        high, low = sp.symbols("M m")
        mean = _weighted(p, v)
        spread = _weighted(p, [(high - w) * (w - low) for w in v])
        steps = [
            (high - mean) * (mean - low) - form - spread,
            ((high - low) / 2) ** 2 - (high - mean) * (mean - low) - (mean - (high + low) / 2) ** 2,
            (high**2 + low**2) / 2 - ((high - low) / 2) ** 2 - ((high + low) / 2) ** 2,
        ]
        if not vanishes(steps):
            return Evidence(False, "symbolic difference is not zero", f"{n} classes")
    return Evidence(True, "symbolic identities, sums of squares", "2..6 classes, all p, v, β < 2")


def _weighted(p: Sequence[Expr], values: Sequence[Expr]) -> Expr:
    return sum((a * b for a, b in zip(p, values, strict=True)), start=sp.S.Zero)


# The implicit autoencoder


def autoencoder_gap() -> Maps:
    """g_l∘f_l − id with g_l = g^ν∘g^μ, g^ν of Eq 29 and f^μ = id."""
    return eq29().after(_G_MU * _F_NU) - word(_ID)


def _always_autoencoder() -> Evidence:
    """g_l∘f_l = id for all bijections, else an affine example."""
    if autoencoder_gap().terms == {}:
        return Evidence(True, "words of bijections compared", "all bijections")
    f, g_mu = 2 * _T + 1, 3 * _T - 1
    psi = sp.Rational(9, 10) * _T + sp.Rational(1, 20)
    gap = sp.expand(_chain(affine_eq29(f, g_mu, psi), g_mu, f) - _T)
    zero = sp.solve(gap, _T)[0]
    shown: dict[str, object] = {
        "f, g^μ, ψ": "2t+1, 3t−1, 9t/10+1/20",
        "g∘f − id": str(gap),
        "zero at t": str(zero),
        "h = f(t) there, and ψ(h)": f"{f.subs(_T, zero)}, {psi.subs(_T, f.subs(_T, zero))}",
    }
    return Evidence(False, "exact counter-example", "affine maps", shown)


def _autoencoder_at_targets() -> Evidence:
    """Where ψ(h) = h the gap vanishes: ψ⁻¹ may be dropped right after f(t) = h, and only there."""
    at_target = Maps()
    swap = _F_NU**-1 * _PSI * _F_NU  # turns a word that ends in ψ⁻¹∘f into one that ends in f
    for term, factor in autoencoder_gap().terms.items():
        shorter = min(term, term * swap, key=len)
        at_target += Maps({shorter: factor})
    return Evidence(at_target.terms == {}, "words of bijections compared", "all bijections")


for _claim in (
    Claim("target-eq20", "002 Eq 18–20", "ψ_l(h_l) = τ_l for l = 0…L.", _shortcut),
    Claim(
        "target-eq29",
        "002 Eq 28–29",
        "For bijective f^ν, ψ, g^μ: g^ν = id + (f^ν)⁻¹∘ψ⁻¹∘(g^μ)⁻¹ − g^μ∘ψ⁻¹∘(g^μ)⁻¹.",
        _outer_map_example,
        eq29_exact,
        "With f^μ = id it is the only solution; in general g^ν = (f^μ)⁻¹∘[that sum].",
        hypothesis="f^μ = id",
        reason="Eq 28 has f^μ outside g^ν on its left side.",
    ),
    Claim(
        "target-psi-squared",
        "002 text before Eq 29",
        "ψ_L of Eq 5 is bijective, as Eq 29 assumes: squared error, any β.",
        _every_beta_squared,
        squared_error_inverse,
        "ψ_L⁻¹(z) = (z − βy)/(1 − β).",
        hypothesis="β ≠ 1",
        reason="At β = 1 the target is the label, whatever h is.",
    ),
    Claim(
        "target-psi-softmax",
        "002 text before Eq 29",
        "ψ_L of Eq 5 is bijective, as Eq 29 assumes: softmax and cross-entropy, any β.",
        _every_beta_softmax,
        softmax_bound,
        "∂ψ_L/∂h = I − β(diag p − ppᵀ) ≥ 1 − β/2.",
        hypothesis="β < 2",
        reason="diag p − ppᵀ has eigenvalues up to ½, so a larger β folds ψ_L.",
    ),
    Claim(
        "target-autoencoder",
        "002 text after Eq 32",
        "In FW-DTP there still exists an autoencoder g_l∘f_l.",
        _always_autoencoder,
        _autoencoder_at_targets,
        "g_l∘f_l(t) = t where ψ_l(h) = h, h = f_l(t).",
        hypothesis="the activation meets its target, ψ_l(h_l) = h_l",
        reason="g_l∘f_l − id = g^μ∘f + f⁻¹∘ψ⁻¹∘f − g^μ∘ψ⁻¹∘f − id.",
    ),
):
    register(_claim)
