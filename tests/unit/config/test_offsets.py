"""Places within texts: through quotes, folds, blocks and variables."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pronubes.config.located import read_located
from pronubes.config.offsets import index_in_file, line_and_column, span_as_written
from pronubes.config.variables import substitute

WORDS = st.lists(st.text("abcdxyz0189_.=<>+*/()ä€😀\\", min_size=1, max_size=8), min_size=1, max_size=8)


def written(words: list[str], style: str) -> str:
    """Write words one a line, so that they are folded to spaces."""
    inside = "\n    ".join(words)
    if style == "'":
        return f"k: '{inside}'\n"
    if style == '"':
        return 'k: "' + inside.replace("\\", "\\\\").replace("ä", "\\xe4").replace("€", "\\u20ac") + '"\n'
    return f"k: {style}\n    {inside}\n"


@given(WORDS, st.sampled_from(["", "'", '"', "|", ">", "|-", ">-"]))
def test_every_character_of_a_text_is_found_where_it_is_written(words: list[str], style: str) -> None:
    assume(style != "" or (words[0][0] not in "*=<>" and not any(" #" in word for word in words)))
    source = written(words, style)
    document = read_located(source, "x")
    assume(document.root is not None and not document.problems)
    node = document.root.entries[0][1]  # type: ignore[union-attr]
    found = "".join(source[index_in_file(document, node, offset)] for offset in range(len(node.text)))
    for character, at in zip(node.text, found, strict=True):
        is_escaped = style == '"' and at == "\\"
        assert character == at or is_escaped or (character.isspace() and at.isspace())


@pytest.mark.parametrize(
    ("source", "text", "place"),
    [
        ("k: abcdef", "cd", (1, 6)),
        ("k: 'it''s cd'", "cd", (1, 11)),
        ('k: "a\\tcd"', "cd", (1, 8)),
        ('k: "\\u00e9\\x41cd"', "cd", (1, 15)),
        ('k: "a\\\n     cd"', "cd", (2, 6)),
        ("k: 'a\n\n  b cd'", "cd", (3, 5)),
        ("k: |\n  ab\n  cd\n", "cd", (3, 3)),
        ("k: |\n\n  ab\n\n    cd\n", "cd", (5, 5)),
        ("k: >-\n  ab\n  cd\n", "cd", (3, 3)),
        ("k: >\n  ab\n\n  cd\n", "cd", (4, 3)),
        ("k: >\n  ab\n\n\n  cd ef\n  gh\n", "gh", (6, 3)),
        ("j: x\r\nk: 'ab\r\n  cd'\r\n", "cd", (3, 3)),
        ("ä: ü\nk: ä€😀cd", "cd", (2, 7)),
    ],
)
def test_a_part_of_a_text_is_found(source: str, text: str, place: tuple[int, int]) -> None:
    document = read_located(source, "x")
    assert document.root is not None
    node = document.root.get("k")[1]  # type: ignore[index]
    assert line_and_column(document, index_in_file(document, node, node.text.index(text))) == place


NAMES = {"a": "x", "long": "some longer text", "n": 5, "empty": ""}


@pytest.mark.parametrize(
    ("text", "part", "written"),
    [
        ("plain/here", "here", "here"),
        ("${a}/here", "here", "here"),
        ("${long}/${a}/here", "here", "here"),
        ("$${x}/${n}/here", "here", "here"),
        ("$${x}/here", "${", "$${"),
        ("${empty}here", "here", "here"),
        ("x/${long}/y", "longer", "${long}"),
        ("x/${long}/yes", "text/ye", "${long}/ye"),
        ("x/${n}", "5", "${n}"),
    ],
)
def test_spans_go_back_through_variables(text: str, part: str, written: str) -> None:
    replaced = substitute(text, NAMES)
    assert isinstance(replaced, str)
    begin, length = span_as_written(text, NAMES, replaced.index(part), len(part))
    assert text[begin : begin + length] == written
