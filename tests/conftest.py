"""Tests run in float64, with strict promotion and every annotation checked at run time."""

import importlib
import json
import os
import pathlib

# the suite compiles more than it computes: a quarter less time without LLVM's optimisations
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_backend_optimization_level=0"

import hypothesis
import jax
import pytest
import tyro  # noqa: F401  (early: it hashes all of builtins, where doctests leave what they print)
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

hypothesis.settings.register_profile("same every time", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same every time")

with install_import_hook("neurodyn", "typecheck.check"):
    import neurodyn  # noqa: F401


@pytest.fixture(scope="module", autouse=True)
def compiled_code_of_one_file_only():
    """Compiled solves are kept while a file's tests run, and dropped then: they fill the memory."""
    yield
    jax.clear_caches()


@pytest.fixture
def analyses(monkeypatch):
    """The scripts of `analyses/`, imported by their name."""
    monkeypatch.syspath_prepend(str(pathlib.Path(__file__).parents[1] / "analyses"))
    return importlib.import_module


@pytest.fixture
def quick(analyses, tmp_path):
    """What an analysis writes in its quick form, its picture looked for as well."""

    def run(name: str) -> dict:
        analyses(name).main(["--quick", "--out", str(tmp_path)])
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        return json.loads((tmp_path / f"{name.replace('_', '-')}.json").read_text("utf-8"))

    return run
