"""A table is rewritten, truncated, deleted and restored while messages flow: none is lost, and each sees one whole table."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from servers import until

if TYPE_CHECKING:
    from pathlib import Path

    from servers import NodeProcess

TAGS = 20
CHUNK = 50


def table(version: int, *, tags: int = TAGS) -> str:
    """A table whose rows all say the same version in two columns."""
    return "tag,version,again\n" + "".join(f"T-{tag},{version},v{version}\n" for tag in range(tags))


def replace(path: Path, text: str) -> None:
    beside = path.with_name("beside")
    beside.write_text(text)
    beside.replace(path)


class Traffic:
    """Writes messages into a file that the node follows."""

    def __init__(self, path: Path) -> None:
        self.sent = 0
        self._path = path
        path.touch()

    async def run(self) -> None:
        while True:
            numbers = range(self.sent, self.sent + CHUNK)
            lines = (json.dumps({"topic": f"t/T-{number % (TAGS + 1)}", "payload": {"number": number}}) for number in numbers)
            with self._path.open("a") as file:
                file.write("\n".join(lines) + "\n")
            self.sent += CHUNK
            await asyncio.sleep(0.02)


async def state_of(node: NodeProcess) -> dict[str, Any]:
    status = await node.status()
    assert status["balanced"], status
    (found,) = status["tables"]
    return found


async def test_a_table_changes_and_breaks_under_traffic(node: NodeProcess) -> None:
    file = node.folder / "assets.csv"
    file.write_text(table(1))
    traffic = Traffic(node.folder / "in.ndjson")
    into = {"version": "version", "again": "again"}
    node.configure(
        {
            "sources": {"file": {"type": "ndjson", "path": "in.ndjson", "follow": True}},
            "sinks": {"out": {"type": "ndjson", "path": "out.ndjson"}},
            "tables": {"assets": {"path": "assets.csv", "key": "tag", "types": {"version": "integer"}}},
            "routes": {
                "all": {
                    "filter": "t/{tag}",
                    "steps": [{"lookup": {"key": {"capture": "tag"}, "table": "assets", "into": into}}],
                    "to": "out",
                }
            },
        }
    )
    await node.start()
    flow = asyncio.create_task(traffic.run())
    errors = []

    async def settled(*, is_broken: bool, count: int) -> None:
        async def is_there() -> bool:
            found = await state_of(node)
            return (found["error"] is not None) == is_broken and found["rows"] == count

        await until(is_there, f"broken: {is_broken}, rows: {count}")
        found = await state_of(node)
        errors.append(found["error"])

    await settled(is_broken=False, count=TAGS)
    file.write_text(table(2, tags=TAGS - 1))  # in place
    await settled(is_broken=False, count=TAGS - 1)
    with file.open("r+") as open_file:
        open_file.truncate(len(table(2)) // 2)
    await settled(is_broken=True, count=TAGS - 1)
    file.unlink()
    await until(lambda: len(node.said("cannot be read: its last good rows")) >= 2, "the node says that the file is gone")
    await settled(is_broken=True, count=TAGS - 1)
    replace(file, table(3))
    await settled(is_broken=False, count=TAGS)
    seen = traffic.sent + 2 * CHUNK
    await until(lambda: traffic.sent >= seen, "more messages")
    flow.cancel()

    async def is_done() -> bool:
        totals = (await node.status())["totals"]
        return totals["received"] == traffic.sent and not totals["buffered"] and totals["delivered"] + totals["quarantined"] == traffic.sent

    await until(is_done, "everything is accounted for")
    node.signal(15)
    assert await node.end() == 0
    out = [json.loads(line)["payload"] for line in (node.folder / "out.ndjson").read_text().splitlines()]
    kept = [(json.loads(record["payload"])["number"], record["reason"], record["topic"]) for record in node.quarantine()]
    assert sorted([message["number"] for message in out] + [number for number, *_ in kept]) == list(range(traffic.sent))
    assert {reason for _, reason, _ in kept} == {"not_in_table"}
    assert {topic for *_, topic in kept} == {f"t/T-{TAGS}", f"t/T-{TAGS - 1}"}
    assert all(message["again"] == f"v{message['version']}" for message in out)
    versions = [message["version"] for message in out]
    assert versions == sorted(versions)
    assert set(versions) == {1, 2, 3}
    assert [len(node.said(text)) for text in ("its new rows are in force", "its last good rows stay in force")] == [2, 2]
    assert [error is None for error in errors] == [True, True, False, False, True]
