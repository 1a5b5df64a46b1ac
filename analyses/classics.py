"""One sheet with the phase portraits of the classic systems of the plane."""

from collections.abc import Sequence

import numpy as np
import published

import neurodyn as nd
from neurodyn import plot
from neurodyn.systems.classic import PLANAR


def main(argv: Sequence[str] | None = None) -> None:
    options = published.options(__doc__, argv)
    folder = options.out or published.ROOT / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    systems = list(PLANAR.values())
    with plot.style(), plot.page(folder / "classics.png", (12, 6.4)) as figure:
        entries = {}
        for ax, system in zip(np.ravel(figure.subplots(2, 4)), systems, strict=True):
            field = nd.classic_field(system.name)
            grid = nd.portrait(field, xlim=system.xlim, ylim=system.ylim)
            first, second = field.variables
            plot.portrait(
                ax, grid, labels=(first, second), title=system.title, colour_label="", legend=False
            )
            names = {f"{name}′ = 0": f"nullcline {k}" for k, name in enumerate(field.variables, 1)}
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
                entries.setdefault(names.get(label, label), handle)
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=6)


if __name__ == "__main__":
    main()
