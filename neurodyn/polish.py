"""Polish: finish a nearly settled state by Newton's method, and check that the flow goes there."""

from typing import Any

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import lineax as lx
import optimistix as optx

from .aliases import Drive, Scalar, State
from .field import AbstractField, largest
from .integrate import Verdict
from .linearise import dense_jacobian, zero_band
from .settle import AbstractMethod, Settled, require_positive, residual_of


class Polish(AbstractMethod):
    """Finish a nearby state by Newton's method, then check that the flow would go there.

    Newton finds unstable fixed points as readily as stable ones, and may jump far; so the point
    found is `unstable` if an eigenvalue of its Jacobian lies in the right half plane, and
    `moved_away` if it is further from the start than `reach` times the residual there (a pure
    leak moves by its residual exactly). Start it close: after `Relax` to 0.03, say.

    **Fields:** `reach`; `max_steps` of Newton; `linear_solver` for the Newton step. On a curve of
    fixed points the Jacobian is singular: ask for least squares with
    `lineax.AutoLinearSolver(well_posed=False)`. The Jacobian is dense, so the cost grows as n³.
    A step counts as n + 1 evaluations.
    """

    reach: float = 10.0
    max_steps: int = eqx.field(default=32, static=True)
    linear_solver: lx.AbstractLinearSolver = lx.AutoLinearSolver(well_posed=None)

    def __check_init__(self):
        require_positive(self, "reach", "max_steps")

    def settle_one(
        self, field: AbstractField, state: State, drive: Drive, tol: Scalar, max_time: Scalar
    ) -> Settled:
        flat, unravel = jax.flatten_util.ravel_pytree(state)
        before = residual_of(field, state, drive)

        def mu(s, _):
            return jax.flatten_util.ravel_pytree(
                field.defect(jnp.zeros_like(tol), unravel(s), drive)
            )[0]

        limit: Any = tol / 10  # traced, so that another tol compiles nothing anew
        newton = optx.Newton(rtol=limit, atol=limit, linear_solver=self.linear_solver)
        root = optx.root_find(mu, newton, flat, max_steps=self.max_steps, throw=False)
        start_is_rest = before <= tol
        end = unravel(jnp.where(start_is_rest, flat, root.value))
        residual = residual_of(field, end, drive)
        far = largest(jnp.where(start_is_rest, 0, root.value - flat)) > self.reach * before
        steps = jnp.where(start_is_rest, 0, root.stats["num_steps"])
        return Settled(
            state=end,
            residual=residual,
            time=jnp.zeros_like(tol),
            steps=steps,
            evaluations=steps * (flat.size + 1) + 1,
            verdict=self._judge(field, end, drive, residual, tol, far),
        )

    def _judge(self, field, state, drive, residual, tol, far) -> Verdict:
        jacobian = jnp.nan_to_num(dense_jacobian(field, state, drive))
        eigenvalues = jnp.linalg.eigvals(jacobian)
        repels = eigenvalues.real.max() > zero_band(eigenvalues)
        found = Verdict.where(repels, Verdict.unstable, Verdict.settled)
        found = Verdict.where(far, Verdict.moved_away, found)
        missed = Verdict.where(jnp.isfinite(residual), Verdict.out_of_steps, Verdict.diverged)
        return Verdict.where(residual <= tol, found, missed)
