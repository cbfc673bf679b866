"""Recordings keep every byte of a payload and name the line that is wrong."""

import pytest

from pronubes.errors import UnreadableRecording
from pronubes.recording import Recorded, read_recording


def write(tmp_path, text: bytes):
    path = tmp_path / "recording.ndjson"
    path.write_bytes(text)
    return path


def test_payloads_keep_their_text_whatever_it_is(tmp_path):
    path = write(
        tmp_path,
        b'{"topic":"a/b","payload":{"v":1e400, "v":1.10},"time_ns":5}\n\n'
        b'{"topic":"c","payload_text":"no json"}\n{"topic":"d","payload_base64":"AP8="}',
    )
    assert list(read_recording(path)) == [
        Recorded("a/b", b'{"v":1e400, "v":1.10}', 5, source_ns=5),
        Recorded("c", b"no json", 0),
        Recorded("d", b"\x00\xff", 0),
    ]


@pytest.mark.parametrize("line", [b"[1]", b'{"payload": 1}', b'{"topic": 4, "payload": 1}', b'{"topic": "a"}', b"{"])
def test_a_wrong_line_is_named_after_those_before_it(tmp_path, line):
    read = read_recording(write(tmp_path, b'{"topic":"a","payload":1}\n\n' + line + b"\n"))
    first = next(read)
    with pytest.raises(UnreadableRecording, match=r"line 3: ") as raised:
        next(read)
    assert first == Recorded("a", b"1")
    assert "`ndjson` sink" in str(raised.value)


def test_lines_across_chunks_are_whole(tmp_path):
    payloads = [b'"' + b"x" * 200_000 + b'"' for _ in range(14)]
    path = write(tmp_path, b"\n".join(b'{"topic":"a","payload":' + payload + b"}" for payload in payloads))
    assert [recorded.payload for recorded in read_recording(path)] == payloads


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UnreadableRecording, match=r"missing\.ndjson` cannot be read: No such file"):
        next(read_recording(tmp_path / "missing.ndjson"))
