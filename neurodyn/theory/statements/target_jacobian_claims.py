"""Claims of 002, second part: the conditions on the Jacobians (Eq 14–17, Fig 2, Table 1)."""

from collections.abc import Sequence

import sympy as sp

from ..claim import Claim, Evidence, register
from ..layers import Expr, Matrix, matrix, vanishes
from ..target import difference_target, negative_fraction, never_negative, symmetric_part

_BETA = sp.Symbol("beta", positive=True)


def _form_sees_symmetric_part() -> Evidence:
    """vᵀMv = vᵀ sym(M) v, and completing squares for n = 2: PSD of sym(M) is the condition."""
    for n in range(1, 6):
        m, v = matrix("m", n, n), matrix("v", n)
        if not vanishes(v.T * m * v - v.T * symmetric_part(m) * v):
            return Evidence(False, "symbolic difference is not zero", f"n = {n}")
    return Evidence(True, "symbolic identity", "n = 1..5, all values")


def _eigenvalues_decide() -> Evidence:
    """Whether non-negative eigenvalues of M = [[1,4],[0,1]] make vᵀMv ≥ 0 for all v."""
    m, v = sp.Matrix([[1, 4], [0, 1]]), sp.Matrix([1, -1])
    eigenvalues = sp.roots(m.charpoly(), multiple=True)
    form = (v.T * m * v)[0]
    shown: dict[str, object] = {
        "M": "[[1,4],[0,1]]",
        "eigenvalues": str(eigenvalues),
        "v = (1,−1), vᵀMv": str(form),
        "eigenvalues of the symmetric part": str(sorted(symmetric_part(m).eigenvals())),
    }
    fooled = min(eigenvalues) >= 0 and form < 0
    return Evidence(not fooled, "exact counter-example", "n = 2", shown)


def _symmetric_eigenvalues_decide() -> Evidence:
    """inf over unit v of vᵀMv is the least eigenvalue of sym(M), for every real 2×2 M."""
    form = _form_sees_symmetric_part()
    a, b, c, phi, eigen = sp.symbols("a b c phi lambda", real=True)
    symmetric = sp.Matrix([[a, b], [b, c]])
    v = sp.Matrix([sp.cos(phi), sp.sin(phi)])
    # on the circle the form is a wave about the mean, of squared height (a−c)²/4 + b²
    wave = (a + c) / 2 + (a - c) / 2 * sp.cos(2 * phi) + b * sp.sin(2 * phi)
    rest = sp.expand(sp.expand_trig((v.T * symmetric * v)[0] - wave))
    on_circle = sp.expand(rest.subs(sp.sin(phi) ** 2, 1 - sp.cos(phi) ** 2))
    height = ((a - c) / 2) ** 2 + b**2  # least value: (a+c)/2 − √height, an eigenvalue
    characteristic = (symmetric - eigen * sp.eye(2)).det()
    holds = form.holds and vanishes(
        [on_circle, (eigen - (a + c) / 2) ** 2 - height - characteristic]
    )
    return Evidence(holds, "symbolic identities; beyond n = 2 by the spectral theorem", "n = 1..5")


# Eq 16 and 17


def quarter_turn_second_moment(n: int) -> Matrix:
    """E[εεᵀ] with everything that invariance under quarter turns of each plane leaves free."""
    entry = sp.symbols(f"c:{n}:{n}")
    moment = sp.Matrix(n, n, lambda i, j: entry[min(i, j) * n + max(i, j)])
    conditions: list[Expr] = []
    for i in range(n):
        for j in range(i + 1, n):
            turn = sp.eye(n)
            turn[i, i], turn[j, j], turn[i, j], turn[j, i] = 0, 0, -1, 1
            conditions += list(turn * moment * turn.T - moment)
    unknown = sorted(moment.free_symbols, key=str)
    return moment.subs(sp.solve(conditions, unknown, dict=True)[0]) if n > 1 else moment


def _any_isotropic_law() -> Evidence:
    """Eq 16 ⇔ Eq 17 for the law that sits at the origin, and for planar density ∝ (1+r²)^{−3/2}."""
    m = -sp.eye(2)
    at_origin = (sp.zeros(1, 2) * m * sp.zeros(2, 1))[0]
    agree = (at_origin >= 0) == (m.trace() >= 0)
    r = sp.Symbol("r", positive=True)
    primitive = (r**2 + 2) / sp.sqrt(1 + r**2)  # of r²·r/(1+r²)^{3/2}
    right = sp.simplify(primitive.diff(r) - r**3 / (1 + r**2) ** sp.Rational(3, 2)) == 0
    heavy = sp.limit(primitive, r, sp.oo)
    shown: dict[str, object] = {
        "M = −I, ε = 0 always": f"E = {at_origin}, tr M = {m.trace()}",
        "E‖ε‖² of the heavy-tailed law": str(heavy) if right else "not found",
    }
    return Evidence(bool(agree), "exact counter-example", "d = 2", shown)


def isotropic_trace(factor: int = 1) -> Evidence:
    """E[εᵀMε] = `factor`·(E‖ε‖²/d) tr M, from the second moments that isotropy leaves."""
    for n in range(1, 7):
        moment, m = quarter_turn_second_moment(n), matrix("m", n, n)
        mean = (m * moment).trace()
        if sp.expand(mean - factor * moment.trace() / n * m.trace()) != 0:
            return Evidence(False, "symbolic difference is not zero", f"d = {n}")
    return Evidence(True, "second moments solved, symbolic identity", "d = 1..6, all M")


def _weaker() -> Evidence:
    """Eq 15 implies Eq 17 (tr M = Σ e_iᵀMe_i), and diag(10,−1) shows that the converse fails."""
    for n in range(1, 6):
        m, one = matrix("m", n, n), sp.eye(n)
        forms = [(one[i, :] * m * one[:, i])[0] for i in range(n)]
        if not vanishes([m.trace() - sum(forms)]):
            return Evidence(False, "symbolic difference is not zero", f"n = {n}")
    m = sp.diag(10, -1)
    fraction = negative_fraction(m)
    shown: dict[str, object] = {
        "M": "diag(10,−1)",
        "tr M": str(m.trace()),
        "fraction of directions with εᵀMε < 0": f"{fraction} ≈ {sp.N(fraction, 17)}",
    }
    weaker = m.trace() > 0 and not never_negative(m)
    return Evidence(bool(weaker), "symbolic identity and exact example", "n = 1..5", shown)


def mean_cosine(a: Expr) -> Expr:
    """E[cos∠(ε, Mε)] for M = diag(a,−1,−1) and isotropic ε, a > 1, exact.

    With u = |cos θ| uniform on [0, 1] in three dimensions, the cosine is
    ((a+1)u²−1)/√(1+(a²−1)u²).
    """
    if not a > 1:
        raise ValueError(f"a must be greater than 1, got {a}.")
    u = sp.Symbol("u", nonnegative=True)
    k = a**2 - 1
    root, arc = sp.sqrt(1 + k * u**2), sp.asinh(sp.sqrt(k) * u)
    primitive = (a + 1) * (u * root / (2 * k) - arc / (2 * k * sp.sqrt(k))) - arc / sp.sqrt(k)
    wrong = primitive.diff(u) - ((a + 1) * u**2 - 1) / root
    if sp.simplify(wrong) != 0:
        raise ArithmeticError("the primitive is wrong; please report this.")
    return primitive.subs(u, 1) - primitive.subs(u, 0)


def _mean_direction() -> Evidence:
    """diag(13/5,−1,−1): positive trace, most directions bad, mean cosine of the angle negative.

    The cosine is p − q ln 5, and ln 5 = 2 artanh(2/3) exceeds each of its partial sums.
    """
    a = sp.Rational(13, 5)
    m, cosine = sp.diag(a, -1, -1), sp.expand(mean_cosine(a).rewrite(sp.log))
    bad = 1 / sp.sqrt(a + 1)  # u² < 1/(a+1)
    q = -cosine.coeff(sp.log(5))
    p = cosine + q * sp.log(5)
    below = 2 * sum(sp.Rational(2, 3) ** n / n for n in (1, 3, 5))
    negative = p.is_Rational and q.is_Rational and q > 0 and p / q < below
    shown: dict[str, object] = {
        "M": "diag(13/5,−1,−1)",
        "tr M": str(m.trace()),
        "mean cosine": f"{cosine} ≈ {sp.N(cosine, 12)}",
        "fraction of directions with εᵀMε < 0": f"{bad} ≈ {sp.N(bad, 12)}",
    }
    fails = m.trace() > 0 and negative
    return Evidence(not fails, "exact counter-example, closed form", "d = 3", shown)


# Table 1


def _tall_decoder() -> Evidence:
    """J_f = (1,0)ᵀ, J_g = (1,2): no reconstruction loss, yet not J_f⁺, and J_fJ_g not PSD."""
    x = sp.Symbol("x", real=True)
    encoder, decoder = sp.Matrix([1, 0]), sp.Matrix([[1, x]])
    perfect = vanishes(sp.eye(1) - decoder * encoder)
    at_two = decoder.subs(x, 2)
    is_pinv, is_psd = at_two == encoder.pinv(), never_negative(encoder * at_two)
    shown: dict[str, object] = {
        "J_f, J_g": "(1,0)ᵀ, (1,2)",
        "J_f⁺": str(list(encoder.pinv())),
        "least eigenvalue of sym(J_fJ_g)": str(min(symmetric_part(encoder * at_two).eigenvals())),
    }
    return Evidence(not perfect or (is_pinv and is_psd), "exact counter-example", "N = 1, 2", shown)


def _wide_decoder() -> Evidence:
    """J_f of full row rank: J_fᵀ(J_fJ_fᵀ)⁻¹ is the only minimiser, and J_fJ_g = I.

    For any E, ‖I − (G+E)J‖² = ‖I − GJ‖² + ‖EJ‖² when (I − GJ)Jᵀ = 0, and EJJᵀEᵀ = 0 only if E = 0.
    Denominators are cleared with det(JJᵀ).
    """
    for rows, columns in ((1, 1), (1, 2), (1, 3), (2, 2), (2, 3)):
        j, e = matrix("j", rows, columns), matrix("e", columns, rows)
        gram = j * j.T
        det = sp.expand(gram.det())
        g = j.T * gram.adjugate()  # det·J_fᵀ(J_fJ_fᵀ)⁻¹
        normal = det * j.T - g * gram
        cross = (det * sp.eye(columns) - g * j) * (e * j).T
        right = vanishes(normal) and vanishes([cross.trace()])
        if not (right and vanishes(j * g - det * sp.eye(rows)) and vanishes(g * j - (g * j).T)):
            return Evidence(False, "symbolic difference is not zero", f"J_f {rows}×{columns}")
    return Evidence(True, "symbolic identity", "J_f 1×1, 1×2, 1×3, 2×2, 2×3")


def _drl_layers() -> Evidence:
    """J_{f_L} = (1,0), J_{f_{L−1}} = I, J_{g_{L−1}} = diag(1,−1): Table 1 holds, PSD fails."""
    f_top, f_low = sp.Matrix([[1, 0]]), sp.eye(2)
    g_top, g_low = sp.Matrix([1, 0]), sp.diag(1, -1)
    condition = g_top == f_top.pinv() and g_low * g_top == (f_top * f_low).pinv()
    psd = never_negative(f_low * g_low)
    shown: dict[str, object] = {
        "condition of Table 1": condition,
        "eigenvalues of J_fJ_g": str(sorted((f_low * g_low).eigenvals())),
    }
    return Evidence(not condition or psd, "exact counter-example", "N = 2, 2, 1", shown)


def _drl_on_range() -> Evidence:
    """With A = J_{f_{l+1:L}} and B = J_{f_l}: for Δh_l = A⁺u the form is uᵀ(AAᵀ)⁻¹u.

    The condition at l and l+1 gives J_{g_l}A⁺ = (AB)⁺, so the form is uᵀ(A⁺)ᵀ B (AB)⁺ u. With
    A⁺ = Aᵀ(AAᵀ)⁻¹ and (AB)⁺ = (AB)ᵀQ⁻¹, Q = AB(AB)ᵀ, its matrix is (AAᵀ)⁻¹ · AB(AB)ᵀ Q⁻¹.
    """
    for out, mid, low in ((1, 2, 2), (1, 2, 3), (1, 3, 3), (2, 2, 2)):
        a, b = matrix("a", out, mid), matrix("b", mid, low)
        q = (a * b) * (a * b).T
        cleared = (a * a.T).adjugate() * a * b * (a * b).T * q.adjugate()
        if not vanishes(cleared - (a * a.T).adjugate() * q.det()):
            return Evidence(False, "symbolic difference is not zero", f"{out}, {mid}, {low}")
    return Evidence(True, "symbolic identity", "N_L, N_l, N_{l−1} = 1,2,2; 1,2,3; 1,3,3; 2,2,2")


def _transpose_psd(sizes: Sequence[tuple[int, int]] = ((1, 2), (2, 2), (2, 3), (3, 2))) -> Evidence:
    """J_g = J_fᵀ: vᵀJ_fJ_gv = ‖J_fᵀv‖²."""
    for rows, columns in sizes:
        j, v = matrix("j", rows, columns), matrix("v", rows)
        squares = sum(((j.T * v)[i] ** 2 for i in range(columns)), start=sp.S.Zero)
        if not vanishes([(v.T * j * j.T * v)[0] - squares]):
            return Evidence(False, "symbolic difference is not zero", f"{rows}×{columns}")
    return Evidence(True, "symbolic identity, a sum of squares", "J_f 1×2, 2×2, 2×3, 3×2")


def _fixed_weight_trace() -> Evidence:
    """f_1 = f_2 = tanh, g_2(τ) = tanh(−τ), x = 1, label met: nothing moves, trace < 0."""
    u = sp.Symbol("u", real=True)
    h1 = sp.tanh(sp.Integer(1))
    h2 = sp.tanh(h1)
    y: Matrix = sp.Matrix([h2])
    top = y - _BETA * (sp.Matrix([h2]) - y)  # Eq 5, squared error
    low = difference_target(
        lambda z: z.applyfunc(lambda v: sp.tanh(-v)), top, sp.Matrix([h2]), sp.Matrix([h1])
    )
    at_rest = vanishes(top - sp.Matrix([h2])) and vanishes(low - sp.Matrix([h1]))
    slope = sp.sech(u) ** 2  # of tanh; that of tanh(−u) is its negative
    right = sp.simplify((sp.tanh(u).diff(u) - slope).rewrite(sp.exp)) == 0
    trace = slope.subs(u, h1) * -slope.subs(u, h2)
    shown: dict[str, object] = {
        "all Δh": "0" if at_rest else "not 0",
        "tr(J_fJ_g)": f"{trace} ≈ {sp.N(trace, 6)}",
    }
    fails = at_rest and right and trace.is_negative
    return Evidence(not fails, "exact counter-example", "A[1,1,1], tanh", shown)


for _claim in (
    Claim(
        "target-eq15",
        "002 Eq 14–15",
        "Eq 14 holds for all Δh_l if J_fJ_g is positive semidefinite (its symmetric part).",
        _form_sees_symmetric_part,
    ),
    Claim(
        "target-eigenvalues",
        "002 Fig 2b",
        "Non-negative eigenvalues of J_fJ_g measure the strict condition, Eq 15.",
        _eigenvalues_decide,
        _symmetric_eigenvalues_decide,
        "The eigenvalues of (J_fJ_g + (J_fJ_g)ᵀ)/2 decide Eq 15.",
        reason="J_fJ_g is not symmetric, and a form sees only its symmetric part.",
    ),
    Claim(
        "target-eq17",
        "002 Eq 16–17",
        "E[εᵀJ_fJ_gε] ≥ 0 is equivalent to tr(J_fJ_g) ≥ 0 for every rotationally symmetric law.",
        _any_isotropic_law,
        isotropic_trace,
        "E[εᵀMε] = (E‖ε‖²/d) tr M.",
        hypothesis="the law has a finite, non-zero second moment",
        reason="All mass at the origin gives E = 0; heavy tails leave E undefined.",
    ),
    Claim(
        "target-trace-weaker",
        "002 text after Eq 17",
        "The condition of Eq 17 is weaker than that of Eq 15.",
        _weaker,
    ),
    Claim(
        "target-trace-direction",
        "002 text after Eq 17",
        "Under Eq 17 layer l shifts within π/2 of its target in the mean (read: of the cosine).",
        _mean_direction,
        isotropic_trace,
        "Only the mean of the inner product εᵀJ_fJ_gε has the sign of the trace.",
        reason="Few directions with a large product outweigh many bad ones.",
    ),
    Claim(
        "target-table1-dtp",
        "002 Table 1",
        "Minimising the reconstruction loss gives J_g = J_f⁺, so J_fJ_g is positive semidefinite.",
        _tall_decoder,
        _wide_decoder,
        "The minimiser is J_f⁺, and J_fJ_g = I.",
        hypothesis="J_f has full row rank",
        reason="An expanding layer has many perfect decoders, J_g = (1, x) for J_f = (1, 0)ᵀ.",
    ),
    Claim(
        "target-table1-drl",
        "002 Table 1",
        "∏_{k=l}^L J_{g_k} = J⁺_{f_{l:L}} for all l makes each J_fJ_g positive semidefinite.",
        _drl_layers,
        _drl_on_range,
        "Eq 14 holds for Δh_l in the range of ∏_{k>l} J_{g_k}, J_{f_{l:L}} of full row rank.",
        reason="The condition says nothing of J_{g_l} off that range.",
    ),
    Claim(
        "target-table1-ldrl",
        "002 Table 1",
        "J_g = J_fᵀ makes J_fJ_g positive semidefinite.",
        _transpose_psd,
    ),
    Claim(
        "target-table1-fwdtp",
        "002 Table 1, Fig 2a",
        "FW-DTP satisfies tr(J_fJ_g) > 0 automatically.",
        _fixed_weight_trace,
        reason="A net that meets its targets no longer moves, whatever the sign of the trace.",
    ),
):
    register(_claim)
