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
from .integrate import Verdict, evaluations
from .linearise import dense_jacobian
from .relax import Relax
from .resting import AbstractMethod, Settled, require_positive, residual_of


class _Near(eqx.Module):
    root: State
    radius: Scalar

    def __call__(self, t, state, drive, **_):
        return _distance(state, self.root) <= self.radius


def _distance(a: State, b: State) -> Scalar:
    return largest(jax.tree.map(jnp.subtract, a, b))


class Polish(AbstractMethod):
    """Finish a nearby state by Newton's method, then check that the flow goes there.

    Newton finds unstable fixed points as readily as stable ones, and may jump far. So the point
    found is `unstable` if an eigenvalue of its Jacobian lies in the right half plane, and
    `moved_away` unless the flow from the start comes `closer` to it: within that share of the
    distance that Newton jumped. Start it near, after `Relax` to 0.03, say: the check is then
    short. `time` is that of the check.

    **Fields:** `closer`; `max_steps` of Newton; `linear_solver` for the Newton step; `flow`, the
    method that follows the flow. On a curve of fixed points the Jacobian is singular: ask for
    least squares with `lineax.AutoLinearSolver(well_posed=False)`, and for no more than
    `closer=0.5`, since least squares meets the curve beside the point that the flow goes to. The
    Jacobian is dense, so the cost grows as n³. `steps` are Newton's, each counted as n + 1
    evaluations.
    """

    closer: float = 0.01
    max_steps: int = eqx.field(default=32, static=True)
    linear_solver: lx.AbstractLinearSolver = lx.AutoLinearSolver(well_posed=None)
    flow: Relax = Relax()

    def __check_init__(self):
        require_positive(self, "closer", "max_steps")

    def settle_one(
        self, field: AbstractField, state: State, drive: Drive, tol: Scalar, max_time: Scalar
    ) -> Settled:
        root, newton_steps = self._newton(field, state, drive, tol)
        residual = residual_of(field, root, drive)
        radius = jnp.maximum(self.closer * _distance(root, state), tol)
        near = _Near(root, radius)
        end, solution = self.flow.follow(field, state, drive, tol, max_time, near)
        flow_steps = solution.stats["num_steps"]
        newton_evaluations = newton_steps * (len(jax.flatten_util.ravel_pytree(state)[0]) + 1) + 1
        checked = evaluations(self.flow.solver, flow_steps)
        return Settled(
            state=root,
            residual=residual,
            time=solution.ts[-1],
            steps=newton_steps,
            evaluations=jnp.where(checked < 0, checked, checked + newton_evaluations),
            verdict=self._judge(field, root, drive, residual, tol, _distance(end, root) <= radius),
        )

    def _newton(self, field, state, drive, tol):
        """The root that Newton finds, or the start itself where that is one; and the steps."""
        flat, unravel = jax.flatten_util.ravel_pytree(state)

        def mu(s, _):
            defect = field.defect(jnp.zeros_like(tol), unravel(s), drive)
            return jax.flatten_util.ravel_pytree(defect)[0]

        limit: Any = tol / 10  # traced, so that another tol compiles nothing anew
        newton = optx.Newton(rtol=limit, atol=limit, linear_solver=self.linear_solver)
        root = optx.root_find(mu, newton, flat, max_steps=self.max_steps, throw=False)
        at_rest = residual_of(field, state, drive) <= tol
        steps = jnp.where(at_rest, 0, root.stats["num_steps"])
        return unravel(jnp.where(at_rest, flat, root.value)), steps

    def _judge(self, field, state, drive, residual, tol, reached) -> Verdict:
        jacobian = jnp.nan_to_num(dense_jacobian(field, state, drive))
        # what rounding, or a state known to tol, may add to an eigenvalue that is zero
        blur = jnp.finfo(tol.dtype).eps * len(jacobian) * jnp.linalg.norm(jacobian)
        repels = jnp.linalg.eigvals(jacobian).real.max() > jnp.maximum(blur, tol)
        found = Verdict.where(reached, Verdict.settled, Verdict.moved_away)
        found = Verdict.where(repels, Verdict.unstable, found)
        missed = Verdict.where(jnp.isfinite(residual), Verdict.out_of_steps, Verdict.diverged)
        return Verdict.where(residual <= tol, found, missed)
