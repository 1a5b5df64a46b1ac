"""The house rules, read out of the source: who may import whom, and what a class may be."""

import ast
import importlib
import inspect
import pathlib
import subprocess
import sys

import neurodyn

ROOT = pathlib.Path(neurodyn.__file__).parent

# Reading order: a file imports only from lines above its own.
ORDER = [
    "aliases",
    "naming",
    "files",
    "data",
    "activation",
    "cost",
    "field",
    "functions",
    "batching",
    "stepping",
    "integrate",
    "linearise",
    "implicit",
    "resting",
    "relax",
    "following",
    "sweep",
    "follow",
    "settle",
    "record",
    "polish",
    "unrolled",
    "lanes",
    "starts",
    "streaming",
    "ensemble",
    "certificates",
    "systems",
    "alignment",
    "learning",
    "comparison",
    "expression",
    "grouping",
    "basins",
    "planar",
    "nullclines",
    "fixed_sets",
    "separatrices",
    "cycles",
    "portrait",
    "plot",
    "cli",
]

WING = "theory"  # stands apart: it imports nothing of the rest, and only the command line opens it


def modules() -> dict[str, pathlib.Path]:
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in sorted(ROOT.rglob("*.py"))
        if path != ROOT / "__init__.py"
    }


def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text("utf-8")) for name, path in modules().items()}


def imported(name: str, tree: ast.Module) -> set[str]:
    """The top-level parts of this package that a module imports, anywhere in it."""
    depth = name.count(".") + 1
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            inside = node.level < depth  # within a sub-package
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {name.split(".")[0] if inside else str(n).split(".")[0] for n in names}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
            assert not any(str(n).split(".")[0] == "neurodyn" for n in names), f"{name}: use dots"
    return found


def test_every_file_has_its_place_in_the_reading_order():
    assert {name.split(".")[0] for name in modules()} == {*ORDER, WING}


def test_files_import_only_from_above():
    for name, tree in trees().items():
        here = name.split(".")[0]
        if here == WING:
            assert imported(name, tree) <= {WING}, name
            continue
        others = imported(name, tree) - ({WING} if here == "cli" else set())
        later = {other for other in others if ORDER.index(other) > ORDER.index(here)}
        assert not later, f"{name} imports {later}, which come later in the reading order"


def test_the_theory_wing_uses_sympy_alone():
    allowed = {"sympy", *sys.stdlib_module_names}
    for name, tree in trees().items():
        if name.split(".")[0] == WING:
            nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
            names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
            names |= {str(n.module) for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}
            assert {n.split(".")[0] for n in names} <= allowed, name


def test_only_integrate_calls_the_ode_solvers_and_only_plot_opens_matplotlib():
    for name, tree in trees().items():
        calls = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        assert not calls & {"diffeqsolve", "solve_ivp"} or name == "integrate", name
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
        names = {a.name for n in nodes for a in n.names} | {getattr(n, "module", "") for n in nodes}
        drawing = name.split(".")[0] == "plot"
        assert not any(str(n).startswith("matplotlib") for n in names) or drawing, name


def classes() -> list[type]:
    found = []
    for name in modules():
        if name != "cli.__main__":
            module = importlib.import_module(f"neurodyn.{name}")
            owned = inspect.getmembers(module, inspect.isclass)
            found += [c for _, c in owned if c.__module__ == module.__name__]
    return found


def test_classes_are_abstract_or_final():
    ours = classes()
    assert len(ours) > 20
    for c in ours:
        assert inspect.isabstract(c) == c.__name__.startswith("Abstract"), c
        for base in c.__mro__[1:]:
            if base in ours:
                assert base.__name__.startswith("Abstract"), f"{c} extends the final {base}"


def test_no_super_and_no_hasattr():
    for name, tree in trees().items():
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        assert not used & {"super", "hasattr"}, name


def test_everything_public_has_a_docstring():
    for name in dir(neurodyn):
        thing = getattr(neurodyn, name)
        if not name.startswith("_") and (inspect.isclass(thing) or inspect.isfunction(thing)):
            assert inspect.getdoc(thing), name


def test_import_sets_no_jax_configuration_and_stays_light():
    code = (
        "import jax, sys; before = dict(jax.config.values); import neurodyn; "
        "assert before == dict(jax.config.values); "
        "heavy = {'matplotlib', 'sklearn', 'xarray', 'tyro'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
