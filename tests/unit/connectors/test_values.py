"""Durations, sizes and secrets as they are written."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pronubes.connectors.values import ByteSize, Credential, Duration, Secret
from pronubes.errors import SecretUnavailable


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("5s", 5.0), ("1.5 s", 1.5), ("2m", 120.0), ("2min", 120.0), ("24h", 86400.0), ("7d", 604800.0), (0, 0.0)]
)
def test_durations(text: object, seconds: float) -> None:
    assert TypeAdapter(Duration).validate_python(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["5", 5, 5.0, True, "s", "-5s", "5 S", "1h30m", None, [], "\uff15s"])
def test_what_is_no_duration(text: object) -> None:
    assert facts(Duration, text)["expected"].startswith("a number with a unit")


def test_a_bare_number_is_told_its_unit() -> None:
    assert facts(Duration, 5)["hint"] == "Write the unit: `5s`."


@pytest.mark.parametrize(("text", "size"), [(0, 0), (65536, 65536), ("64KiB", 65536), ("16 MiB", 16 * 2**20), ("1.5kB", 1500), ("1GiB", 2**30)])
def test_sizes(text: object, size: int) -> None:
    assert TypeAdapter(ByteSize).validate_python(text) == size


@pytest.mark.parametrize("text", ["16", "16M", "mib", -1, 1.5, True, None])
def test_what_is_no_size(text: object) -> None:
    assert "bytes" in facts(ByteSize, text)["expected"]


def test_a_secret_is_read_when_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n", encoding="utf-8")
    environ = {"BROKER_PASSWORD": "from the environment"}
    resolved = [
        TypeAdapter(Secret).validate_python(text).resolve(base_dir=tmp_path, environ=environ)
        for text in ("${env:BROKER_PASSWORD}", "${file:password}")
    ]
    assert resolved == ["from the environment", "from a file"]


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("${env:NOT_SET}", "`NOT_SET` is not set"),
        ("${env:EMPTY}", "is not set or empty"),
        ("${file:absent}", "cannot be read"),
        ("${file:empty}", "is empty"),
    ],
)
def test_a_secret_that_is_not_there_names_its_reference(tmp_path: Path, reference: str, sentence: str) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(SecretUnavailable, match=sentence) as caught:
        Secret(reference).resolve(base_dir=tmp_path, environ={"EMPTY": ""})
    assert caught.value.reference == reference


@pytest.mark.parametrize("literal", ["hunter2", "", 5, "${NAME}", "${env:}", "prefix ${env:NAME}"])
def test_a_literal_secret_is_refused_and_not_shown(literal: object) -> None:
    found = facts(Secret, literal)
    assert found["secret"] is True
    assert "hunter2" not in str(found)


def test_a_user_name_may_be_plain_text_or_a_reference(tmp_path: Path) -> None:
    names = [TypeAdapter(Credential).validate_python(text).resolve(base_dir=tmp_path, environ={"USER": "b"}) for text in ("line-4", "${env:USER}")]
    assert names == ["line-4", "b"]


def facts(kind: Any, value: object) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    (error,) = caught.value.errors(include_url=False)
    return error["ctx"]
