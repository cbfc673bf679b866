"""Who may import the engine: everybody else goes through those modules. (import-linter checks layers; it does not see extension modules.)"""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "python" / "pronubes"
ALLOWED = (
    "__init__.py",
    "router.py",
    "config/compile.py",
    "config/schemas.py",
    "connectors/mqtt.py",
    "batch.py",
    "contracts/engine.py",
    "recording.py",
    "cases/",
    "pipeline/",
    "testing/",
)


def imports_engine(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node) for block in ast.walk(tree) if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test) for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in typing_only:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            if node.module == "pronubes._core" or "pronubes._core" in names:
                return True
    return False


def test_only_a_few_modules_import_the_engine() -> None:
    paths = [path for path in PACKAGE.rglob("*.py") if imports_engine(path)]
    found = [str(path.relative_to(PACKAGE)) for path in paths]
    assert [name for name in found if not name.startswith(ALLOWED)] == []
