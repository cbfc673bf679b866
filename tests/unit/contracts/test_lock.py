"""The lock: what is in use stays as it is."""

from pathlib import Path

import orjson
import pytest

from pronubes.contracts.folder import Contracts
from pronubes.contracts.lock import LOCK_NAME, read_lock, write_lock
from pronubes.contracts.locking import lock
from pronubes.contracts.verify import verify
from pronubes.errors import ConfigurationError

TEXT = """\
contract: {name}
version: {version}
state: {state}
payload:
  value: {{type: number, unit: "kg.m/s2", range: [0, {high}]}}
"""


def write(folder: Path, id_: str, *, state: str = "active", high: int = 10) -> None:
    name, _, version = id_.partition("@")
    path = folder / name / f"{version}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT.format(name=name, version=version, state=state, high=high), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "a@1")
    write(tmp_path, "a@2", state="draft")
    write(tmp_path, "b@10", state="deprecated")
    return tmp_path


def test_all_but_drafts_are_locked_and_stay(folder: Path) -> None:
    added = lock(Contracts(folder))
    content = (folder / LOCK_NAME).read_bytes()
    again = lock(Contracts(folder))
    assert (added, again) == (["a@1", "b@10"], [])
    assert (folder / LOCK_NAME).read_bytes() == content
    written = orjson.loads(content)
    assert (written["format"], written["units"]) == (1, {"kg.m/s2": [1, 1, -2, 0, 0, 0, 0]})
    assert [line.split(b'"')[1] for line in content.splitlines() if b'"hash"' in line] == [b"a@1", b"b@10"]


def test_an_edit_of_a_locked_version_is_refused_with_what_changed(folder: Path) -> None:
    lock(Contracts(folder), ["a@1"])
    write(folder, "a@1", high=20)
    (error,) = verify(Contracts(folder, name="contracts")).errors
    assert error.message == "`a@1` is locked: `range` of `value` was [0,10], is [0,20]."
    assert (error.file, error.position and error.position.line) == (str(Path("contracts/a/1.yaml")), 5)
    assert error.hint == "Undo it; or copy the file to `a/3.yaml` with `version: 3`, and let routes name `a@3`."
    with pytest.raises(ConfigurationError):
        lock(Contracts(folder))


def test_state_owner_and_comments_of_a_locked_version_may_change(folder: Path) -> None:
    lock(Contracts(folder))
    write(folder, "a@1", state="retired")
    assert verify(Contracts(folder)).errors == []


def test_a_locked_version_without_its_file_is_a_warning(folder: Path) -> None:
    lock(Contracts(folder))
    (folder / "b" / "10.yaml").unlink()
    assert [one.message for one in verify(Contracts(folder)).warnings] == ["`b@10` is locked and its file is gone."]


def test_a_meaning_that_was_edited_in_the_lock_file_is_found(folder: Path) -> None:
    lock(Contracts(folder))
    path = folder / LOCK_NAME
    path.write_bytes(path.read_bytes().replace(b"[0,10]", b"[0,20]"))
    messages = [one.message for one in verify(Contracts(folder)).errors]
    assert "What `a@1` means does not have its hash: the lock file was edited by hand." in messages


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        (["a@2"], "`a@2` is a draft: give it `state: active` first."),
        (["a@3"], r"There is no contract `a@3` in `.*`. Did you mean `a@1`\?"),
    ],
)
def test_what_cannot_be_locked_is_said_and_nothing_is_written(folder: Path, ids: list[str], text: str) -> None:
    with pytest.raises(LookupError, match=text):
        lock(Contracts(folder), ids)
    assert not (folder / LOCK_NAME).exists()


def test_a_lock_file_is_read_as_it_was_written(folder: Path) -> None:
    lock(Contracts(folder))
    first = read_lock(folder / LOCK_NAME)
    write_lock(first, folder / "again")
    assert (folder / "again").read_bytes() == (folder / LOCK_NAME).read_bytes()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'{"format": 1, "units": {}, "contracts": {"a@1": 3}}', b'{"format": 2, "units": {}, "contracts": {}}']
)
def test_a_damaged_lock_file_is_refused(folder: Path, content: bytes) -> None:
    (folder / LOCK_NAME).write_bytes(content)
    with pytest.raises(ConfigurationError, match="lock file"):
        verify(Contracts(folder))


def test_units_of_the_lock_are_not_checked_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(Contracts(folder))
    monkeypatch.setattr("pronubes.contracts.units.check", lambda code: pytest.fail(f"`{code}` was checked"))
    assert verify(Contracts(folder)).errors == []


def test_files_that_are_as_they_were_locked_are_not_looked_at_again(folder: Path) -> None:
    lock(Contracts(folder))
    assert list(verify(Contracts(folder), skip_unchanged=True).files) == ["a@2"]
    write(folder, "a@1", state="retired")
    assert list(verify(Contracts(folder), skip_unchanged=True).files) == ["a@1", "a@2"]
    assert lock(Contracts(folder)) == []
    assert list(verify(Contracts(folder), skip_unchanged=True).files) == ["a@2"]
    write(folder, "a@1", high=20)
    assert [one.code for one in verify(Contracts(folder), skip_unchanged=True).errors] == ["locked"]
