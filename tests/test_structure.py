"""What may import what: held on the syntax tree, as nothing else keeps a structure from silting up."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = sorted(path.parent.name for path in (ROOT / "jaxviz").glob("[a-z]*/__init__.py"))
STUDIES = sorted(path.parent.name for path in (ROOT / "scripts").glob("*/__main__.py"))
# Config below, study above it, drawing above that, start on top. Other modules of a study stand between.
LEVELS = {"config": 0, "__main__": 2}


def modules(folder):
    """Each module below a folder by its dotted name, with those that it imports, of this repository."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        imported = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    place = ROOT.joinpath(*inner.split("."))
                    imported.add(inner if place.with_suffix(".py").exists() or place.is_dir() else node.module)
        found[name] = {other for other in imported if other.split(".")[0] in ("jaxviz", "models", "scripts", "tests")}
    return found


def circle(graph):
    """A way from a module back to itself, or nothing."""
    done = set()

    def visit(name, way):
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph.get(name, ())):
            if found := visit(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in graph if (found := visit(name, []))), [])


@pytest.mark.parametrize("package", LIBRARY)
def test_no_package_reaches_into_the_private_files_of_another(package):
    others = [f"jaxviz.{other}._" for other in LIBRARY if other != package]
    found = {
        (name, other)
        for name, imported in modules(f"jaxviz/{package}").items()
        for other in imported
        if other.startswith(tuple(others))
    }
    assert not found


def test_the_core_stands_below_all_packages():
    upward = {
        (name, other)
        for name, imported in modules("jaxviz/_core").items()
        for other in imported
        if not other.startswith("jaxviz._core")
    }
    assert not upward


def test_the_library_knows_nothing_of_models_scripts_and_tests():
    outward = {
        (name, other)
        for name, imported in modules("jaxviz").items()
        for other in imported
        if not other.startswith("jaxviz")
    }
    assert not outward
    assert not {name for name, imported in modules("models").items() if any(x.startswith("scripts") for x in imported)}


@pytest.mark.parametrize("folder", ["models", "scripts"])
def test_there_are_no_circles(folder):
    assert not circle(modules(folder))


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("study", STUDIES)
def test_no_study_imports_another_or_what_is_private_to_the_library(study):
    for name, imported in modules(f"scripts/{study}").items():
        own = [other for other in imported if other.startswith("scripts.")]
        assert all(other.startswith((f"scripts.{study}", "scripts._harness")) for other in own), name
        private = [other for other in imported if other.startswith("jaxviz.") and "._" in other]
        assert not private, name


@pytest.mark.parametrize("study", STUDIES)
def test_in_a_study_imports_go_down(study):
    here = f"scripts.{study}."
    for name, imported in modules(f"scripts/{study}").items():
        level = LEVELS.get(name.removeprefix(here), 1)
        own = [other for other in imported if other.startswith(here)]
        assert not [other for other in own if LEVELS.get(other.removeprefix(here), 1) > level], name
        drawing = [other for other in imported if other == f"{here}draw"]
        assert not drawing, name


# Those that draw a page of their own or follow a plan of pictures, and commands that are no studies.
OWN = {"explain", "maximize", "microscope", "recognized", "reproduce"}
OWN |= {"accuracy", "benchmark", "convert_efficientnet", "convert_squeezenet", "photos", "quantize"}


def test_one_runner_follows_the_studies():
    imported = modules("scripts")
    followed = {study for study in STUDIES if "scripts._harness.runner" in imported[f"scripts.{study}.__main__"]}
    assert followed == set(STUDIES) - OWN


def test_the_harness_knows_no_study():
    for name, imported in modules("scripts/_harness").items():
        assert all(other.startswith("scripts._harness") for other in imported if other.startswith("scripts.")), name
