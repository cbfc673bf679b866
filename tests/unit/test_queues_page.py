"""Every queue of the program stands on the page that lists them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "queues.md"
QUEUE = {".rs": re.compile(r"\bVecDeque\b|\bmpsc\b|\bchannel\("), ".py": re.compile(r"\bdeque\(|\bQueue\(|\bSimpleQueue\(")}
ELSEWHERE = "python/pronubes/testing/"  # stand-ins and rigs for tests: no node has them


def test_every_queue_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    sources = [*(ROOT / "rust").glob("*/src/**/*.rs"), *(ROOT / "python" / "pronubes").rglob("*.py")]
    queues = {path.relative_to(ROOT).as_posix() for path in sources if QUEUE[path.suffix].search(path.read_text(encoding="utf-8"))}
    missing = {path for path in queues if not path.startswith(ELSEWHERE) and path.removeprefix("rust/") not in text}
    assert not missing, f"say on {PAGE.name} how much may wait there, and what happens beyond"


def test_the_page_names_files_that_exist() -> None:
    named = re.findall(r"`((?:python/)?pronubes[\w-]*/[\w/]+\.(?:rs|py))`", PAGE.read_text(encoding="utf-8"))
    gone = [name for name in named if not (ROOT / (name if name.startswith("python/") else f"rust/{name}")).is_file()]
    assert named
    assert not gone
