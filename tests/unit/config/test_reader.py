"""YAML to values: the fast reader and the slow one agree, and both refuse what a configuration must not have."""

import time
import tracemalloc

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pronubes.config.limits import MAX_DEPTH, MAX_SEPARATORS
from pronubes.config.located import read_located
from pronubes.config.reader import Irregular, read_values

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff"), max_size=20)
SCALARS = st.one_of(TEXTS, st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=20)
DOCUMENTS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=5)


class Core(yaml.SafeDumper):
    """Writes what YAML 1.2 reads: PyYAML's own choice of quotes follows 1.1."""


Core.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
Core.add_representer(float, lambda dumper, number: dumper.represent_scalar("tag:yaml.org,2002:float", decimal(number)))


def decimal(number: float) -> str:
    """Write a number so that YAML 1.1, by which PyYAML judges, takes it for one as well."""
    digits = repr(number)
    return digits.replace("e", ".0e") if "e" in digits and "." not in digits else digits


@given(DOCUMENTS, st.booleans())
def test_both_readers_give_what_was_written(document: dict[str, object], is_flow: bool) -> None:
    text = yaml.dump(document, Dumper=Core, default_flow_style=is_flow, allow_unicode=True, sort_keys=False)
    slow = read_located(text, "x")
    assert read_values(text)[0] == document
    assert slow.problems == []
    assert slow.root is not None
    assert slow.root.plain_value() == document


@given(st.text(max_size=60))
def test_what_the_fast_reader_accepts_the_slow_one_reads_the_same(text: str) -> None:
    try:
        values, _ = read_values(text)
    except Irregular:
        return
    slow = read_located(text, "x")
    assert slow.problems == []
    assert slow.root is not None
    assert slow.root.plain_value() == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("y", "y"),
        ("1:30", "1:30"),
        ("2026-11-22", "2026-11-22"),
        ("0777", 777),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("+1", 1),
        ("-a", "-a"),
        (".", "."),
        ("true", True),
        ("True", True),
        ("tRue", "tRue"),
        ("nullable", "nullable"),
        ("18446744073709551615", 2**64 - 1),
        ("'1'", "1"),
        ('"true"', "true"),
        ("=", "="),
        ("<<", "<<"),
        ("a#b", "a#b"),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    read = read_values(f"key: {text}")[0]["key"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: 1\na: 2\n", "duplicate_key"),
        ("a: &x 1\nb: *x\n", "anchor"),
        ("a: &x 1\n", "anchor"),
        ("a: *x\n", "alias"),
        ("a: !!python/object/apply:os.system [id]\n", "tag"),
        ("a: !has(payload.x)\n", "tag"),
        ("a: ! 1\n", "tag"),
        ("a: 18446744073709551616\n", "number_out_of_range"),
        ("a: 1e999\n", "number_out_of_range"),
        ("a: .inf\n", "number_out_of_range"),
        ("a: .NaN\n", "number_out_of_range"),
        (f"a: {'9' * 5000}\n", "number_out_of_range"),
        ("? [a]\n: 1\n", "key_not_text"),
        ("a: 1\n---\nb: 2\n", "second_document"),
        ("- a\n", "not_a_mapping"),
        ("just text", "not_a_mapping"),
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("a: [1\n", "no_yaml"),
        ("a: \x01", "no_text"),
        ("a: \ud800", "no_text"),
    ],
)
def test_what_a_configuration_must_not_have(text: str, code: str) -> None:
    with pytest.raises(Irregular):
        read_values(text)
    assert code in [problem.code for problem in read_located(text, "x").problems]


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_nesting_is_bounded(opening: str, closing: str) -> None:
    levels = MAX_DEPTH - 1  # the outermost mapping is one
    just_right = f"a: {opening * levels}{closing * levels}" if opening == "[" else f"a: {opening * levels}1{closing * levels}"
    too_deep = f"a: {opening * (levels + 1)}{closing * (levels + 1)}"
    assert read_values(just_right)
    assert read_located(just_right, "x").problems == []
    assert [problem.code for problem in read_located(too_deep, "x").problems] == ["too_deep"]


BOMBS = {
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)),
    "brackets": "a: " + "[" * 5_000_000,
    "braces": "a: " + "{a: " * 2_000_000,
    "dashes": "a:\n  " + "- " * 5_000_000,
    "questions": "? " * 5_000_000,
    "values": "a: [" + "1," * 5_000_000 + "]",
    "keys": "".join(f"k{n}: 1\n" for n in range(MAX_SEPARATORS + 1)),
    "nested": "a:\n" + f"{'- ' * 30}x\n" * 200_000,
    "one_text": "a: " + "x" * 10_000_000,
    "quotes": "a: '" + "''" * 5_000_000,
    "references": "a: " + "${" * 5_000_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon_and_in_little_memory(name: str) -> None:
    """E11 of the test plan; files that are large but harmless must not cost more either."""
    began = time.process_time()
    is_refused = refuses(BOMBS[name])
    seconds = time.process_time() - began
    tracemalloc.start()
    refuses(BOMBS[name])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert is_refused or name in {"one_text", "references"}
    assert seconds < 1
    assert peak < 100 * 2**20


def refuses(text: str) -> bool:
    try:
        read_values(text)
    except Irregular:
        return read_located(text, "x").problems != []
    return False
