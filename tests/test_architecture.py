"""docs/architecture.md says what the folders and the import contracts say, and rooms keep to their sizes."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "train" / "conflict_ner"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MOST_LINES = 400
MOST_MODULES = 12
PUBLIC_ROOMS = {"config", "values"}  # their names are imported from the room, which is light
HEAVY = {
    *("torch", "transformers", "accelerate", "datasets", "onnx", "onnxruntime", "scipy", "seqeval", "matplotlib"),
    *("jinja2", "pyarrow", "typer", "rich", "python_calamine", "xlsxwriter", "cassis", "spacy", "ray", "fsspec"),
    *("fastapi", "starlette", "uvicorn", "prometheus_client", "optuna", "mlflow", "wandb", "trackio"),
}


def table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def layers() -> list[set[str]]:
    """The layers of the contract between rooms, from the top."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = [each for each in contracts if each["type"] == "layers"]
    assert contract["exhaustive"]
    return [set(layer.split(" | ")) for layer in contract["layers"]]


def rooms() -> set[str]:
    """The rooms on top."""
    return {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()}


def folders() -> list[Path]:
    """The package, its rooms, and the rooms inside them."""
    return sorted(file.parent for file in PACKAGE.rglob("__init__.py"))


def imported(folder: Path) -> Iterator[str]:
    """Name the top-level packages that a room imports, wherever the import stands; those for types alone are not."""
    for file in folder.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        typing_only = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if id(node) in typing_only:
                continue
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.partition(".")[0]


def test_the_table_has_every_room() -> None:
    assert {row[0].strip("`") for row in table("Rooms")} == rooms()


def test_each_room_may_import_the_layer_below_it() -> None:
    below = {room: after for before, after in pairwise(layers()) for room in before}
    for name, _, allowed, _ in table("Rooms"):
        assert {each.strip("` ") for each in allowed.split(",")} == below[name.strip("`")], name


def test_the_diagram_has_the_arrows_of_the_contract() -> None:
    drawn = {
        (source, target)
        for line in PAGE.partition("```mermaid")[2].partition("```")[0].splitlines()
        if "-->" in line
        for source, target in pairwise(part.strip() for part in line.split("-->"))
    }
    base = {"config", "files", "yaml_io", "errors"}
    nodes = [{"base" if name in base else name for name in layer} for layer in layers() if layer != {"__main__"}]
    expected = {(upper, lower) for above, below in pairwise(nodes) for upper in above for lower in below}
    assert drawn == {(upper, lower) for upper, lower in expected if upper != lower}


@pytest.mark.parametrize("room", sorted(rooms()))
def test_a_room_imports_the_heavy_libraries_that_the_table_names(room: str) -> None:
    (row,) = [row for row in table("Rooms") if row[0] == f"`{room}`"]
    assert set(imported(PACKAGE / room)) & HEAVY == set(row[3].split(", ")) - {"none"}


def test_the_modules_on_top_are_named() -> None:
    on_top = {file.name for file in PACKAGE.glob("*.py")}
    assert on_top == set(re.findall(r"`(\w+\.py)`", PAGE.partition("The modules on top:")[2].partition("\n\n")[0]))
    assert len(on_top - {"__init__.py"}) <= 5
    assert len(rooms()) <= 11


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: str(folder.relative_to(PACKAGE)))
def test_a_room_is_small_and_says_what_it_holds(folder: Path) -> None:
    modules = [file for file in folder.glob("*.py") if file.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES
    for file in modules:
        assert len(file.read_text(encoding="utf-8").splitlines()) < MOST_LINES, file
    if folder != PACKAGE:
        text = (folder / "__init__.py").read_text(encoding="utf-8")
        _, *statements = ast.parse(text).body
        allowed = (ast.ImportFrom, ast.Assign) if folder.name in PUBLIC_ROOMS else ()
        assert all(isinstance(statement, allowed) for statement in statements), "a docstring only"
        for name in re.findall(r"\w+\.py", text):
            assert (folder / name).is_file(), name


def test_every_module_named_on_the_page_exists() -> None:
    for name in re.findall(r"`((?:\w+/)+\w+\.py)`", PAGE):
        assert (PACKAGE / name).is_file() or (ROOT / name).is_file() or (PACKAGE.parent.parent / name).is_file(), name


def test_every_name_on_the_page_exists() -> None:
    for type_ in ("EncodedText", "Entity", "Source", "Config", "Corpus", "LabelScheme", "TrainResult", "Report"):
        assert f"`{type_}`" in PAGE
        assert any(re.search(rf"^class {type_}\b", file.read_text(), re.MULTILINE) for file in PACKAGE.rglob("*.py"))
    for name in re.findall(r"`((?:\w+\.)+\w+)`", PAGE):
        if name.endswith((".py", ".md", ".toml")) or name == "transformers.pipeline":
            continue
        parts = name.split(".")
        cut = next(k for k in range(len(parts), 0, -1) if find(parts[:k]) != Path())
        source = find(parts[:cut]).read_text(encoding="utf-8")
        for part in parts[cut:]:
            assert re.search(rf"^(class|def) {part}\b", source, re.MULTILINE), name


def find(parts: list[str]) -> Path:
    """The file of a module or room, or the empty path."""
    path = PACKAGE.joinpath(*parts)
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), Path())


def test_tests_mirror_the_rooms() -> None:
    modules = {file.relative_to(PACKAGE).with_suffix("") for file in PACKAGE.rglob("*.py")}
    for file in (ROOT / "tests").rglob("test_*.py"):
        folder = file.parent.relative_to(ROOT / "tests")
        assert (PACKAGE / folder).is_dir(), file
    tested = {
        file.parent.relative_to(ROOT / "tests") / file.stem.removeprefix("test_")
        for file in (ROOT / "tests").rglob("test_*.py")
    }
    assert len(modules & tested) > len(modules) / 2


def test_only_the_schemes_of_tags_know_their_prefixes() -> None:
    knowing = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in ("I", "I-", "B-"):
                knowing.add(str(file.relative_to(PACKAGE)))
    # A model's tags are IOB2, so `labels` knows no prefix as a name; those of files may be in any scheme.
    assert knowing <= {"data/labels.py", "data/formats/tagged_words/tag_schemes.py"}
    assert knowing
