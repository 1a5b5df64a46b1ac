"""What a way to settle is, and what it returns: for each sample where it rests, and whether.

A sample is *settled* when its residual, the largest entry of |μ|, is at or below `tol`: an
absolute bound, judged for each sample by itself, never a norm over a batch.
"""

import abc
import collections

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .aliases import CountPerSample, Drive, FlagPerSample, PerSample, Scalar, State
from .field import AbstractField, is_concrete, largest
from .integrate import Verdict, verdict_names


class NotSettledError(RuntimeError):
    """Raised by `Settled.require` when a sample is not at a fixed point."""


class Settled(eqx.Module):
    """Where each sample came to rest, and whether it did.

    **Fields:** `state`, shaped like the state of the field; `residual`, max |μ| there; `time`
    spent on the way, in leak time constants (zero for `Polish`); `steps` taken, `evaluations` of
    μ (−1 where the solver does not tell) and the `verdict`. All carry the batch axis if there is
    one.
    """

    state: PyTree
    residual: PerSample
    time: PerSample
    steps: CountPerSample
    evaluations: CountPerSample
    verdict: Verdict

    @property
    def ok(self) -> FlagPerSample:
        """True for each sample that settled."""
        return self.verdict == Verdict.settled

    def counts(self) -> dict[str, int]:
        """How many samples got each verdict, most frequent first."""
        return dict(collections.Counter(verdict_names(self.verdict).ravel().tolist()).most_common())

    def require(self) -> "Settled":
        """These results if every sample settled; else `NotSettledError` with the counts."""
        if not bool(self.ok.all()):
            counts = self.counts()
            told = ", ".join(f"{n} {name}" for name, n in counts.items())
            reasons = [f"{n}: {Verdict[getattr(Verdict, n)]}." for n in counts if n != "settled"]
            raise NotSettledError(
                f"not every sample settled ({told}; largest residual "
                f"{float(self.residual.max()):.3g}). {' '.join(reasons)}"
            )
        return self


class AbstractMethod(eqx.Module):
    """A way to settle ONE sample.

    **To add your own:** subclass it and write `settle_one`. Return `Verdict.settled` only where
    the residual of `field.defect` is at or below `tol`.
    """

    @abc.abstractmethod
    def settle_one(
        self, field: AbstractField, state: State, drive: Drive, tol: Scalar, max_time: Scalar
    ) -> Settled:
        """Settle from `state`; `drive` is what `field.drive` made of the inputs."""


def residual_of(field: AbstractField, state: State, drive: Drive) -> Scalar:
    """max |μ| of ONE sample, given what `field.drive` made of its inputs."""
    return largest(field.defect(jnp.zeros_like(jax.tree.leaves(state)[0], shape=()), state, drive))


def require_positive(method: AbstractMethod, *names: str) -> None:
    """Refuse a method whose named fields are not positive."""
    for name in names:
        value = getattr(method, name)
        if is_concrete(value) and not value > 0:
            raise ValueError(f"{name} is {value}: it must be positive.")
