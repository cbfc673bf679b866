"""Tables of names: what is accepted, fixed and refused, and that a clean one comes out as it went in."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronubes.config.tag_names import check_unit
from pronubes.tables.reader import TableProblem, read_table
from pronubes.tables.writer import csv_text, write_table
from pronubes.tags.levels import is_topic
from pronubes.tags.names_table import NamesTable, Verdict, judge

HEAD = "tag,topic,contract,unit,description\n"


def judged(folder: Path, content: str | bytes, **facts) -> NamesTable:
    path = folder / "names.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return judge(read_table(path, "names.csv"), **facts)


def found(table: NamesTable) -> list[tuple[str, int, str]]:
    return [(entry.verdict.value, entry.line, entry.column) for entry in table.entries]


CASES = {
    "clean": (HEAD + "a,x/a,measurement@1,Cel,hot\n", [], 1),
    "two_columns": ("topic,tag\nx/a,a\n", [], 1),
    "white_space": (HEAD + " a ,x / a ,,,\n", [("tidied", 2, "tag"), ("tidied", 2, "topic")], 1),
    "contract_of_a_spreadsheet": (HEAD + 'a,x/a,"measurement@1,0",,\n', [("tidied", 2, "contract")], 1),
    "no_contract": (HEAD + "a,x/a,measurement,,\n", [("refused", 2, "contract")], 0),
    "illegal": (HEAD + "a,x/a+b#,,,\n", [("escaped", 2, "topic")], 1),
    "nul_in_topic": (HEAD + "a,x/a\x00b,,,\n", [("escaped", 2, "topic")], 1),
    "nul_in_tag": (HEAD + "a\x00,x/a,,,\n", [("refused", 2, "tag")], 0),
    "nul_in_description": (HEAD + "a,x/a,,,b\x00c\n", [("tidied", 2, "description")], 1),
    "empty_level": (HEAD + "a,x//a,,,\n", [("refused", 2, "topic")], 0),
    "no_tag": (HEAD + ",x/a,,,\n", [("refused", 2, "tag")], 0),
    "no_topic": (HEAD + "a,,,,\n", [("refused", 2, "topic")], 0),
    "tag_twice": (HEAD + "a,x/a,,,\na,x/b,,,\n", [("refused", 3, "tag")], 1),
    "name_twice": (HEAD + "a,x/a,,,\nb,x/a,,,\n", [("refused", 3, "topic")], 1),
    "name_twice_once_escaped": (HEAD + "a,x/a_x002B_,,,\nb,x/a+,,,\n", [("refused", 3, "topic")], 1),
    "unit": (HEAD + "a,x/a,,degrees,\n", [("refused", 2, "unit")], 0),
    "decimal_comma_between_commas": (HEAD + "a,x/a,,bar,up to 1,5 bar\n", [("refused", 2, "")], 0),
    "decimal_comma_between_semicolons": ("tag;topic;description\na;x/a;up to 1,5 bar\n", [("tidied", 1, "")], 1),
    "byte_order_mark": ("\ufeff" + HEAD + "a,x/a,,,\n", [("tidied", 1, "")], 1),
    "formula": (HEAD + "=cmd|' /C calc'!A0,x/=1+1,,,=1+1\n", [("escaped", 2, "topic")], 1),
    "wrong_column": ("tag,topic,contrakt\na,x/a,\n", [("refused", 1, "contrakt")], 0),
    "missing_column": ("tag,unit\na,Cel\n", [("refused", 1, "topic")], 0),
    "column_twice": ("tag,topic,Tag\na,x/a,b\n", [("refused", 1, "tag")], 0),
}


@pytest.mark.parametrize("name", CASES)
def test_cases(tmp_path: Path, name: str):
    content, entries, rows = CASES[name]
    table = judged(tmp_path, content, check_unit=check_unit)
    numbers = table.numbers()
    assert (found(table), len(table.rows)) == (entries, rows)
    assert numbers["accepted"] + numbers["fixed"] + numbers["refused"] == numbers["rows"]


def test_what_is_refused_says_where_and_why(tmp_path: Path):
    entry = judged(tmp_path, "tag,topic,contrakt\na,x/a,\n").entries[0]
    assert (entry.found, entry.expected, entry.hint) == (
        "contrakt",
        "`tag`, `topic`, `contract`, `unit`, `description`",
        "Did you mean `contract`?",
    )


def test_texts_stay_texts(tmp_path: Path):
    row = judged(tmp_path, HEAD + "=cmd|x,x/=1,,,=1+1\n").rows[0]
    assert (row.tag, row.topic, row.description) == ("=cmd|x", "x/=1", "=1+1")


def test_other_columns_can_be_ignored(tmp_path: Path):
    table = judged(tmp_path, "tag,address,topic\na,100,x/a\n", ignored=["address"])
    assert (list(table.cells()), found(table)) == ([["a", "x/a"]], [])


LEVEL = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/+#{}\ufffe\uffff"), min_size=1, max_size=8)
TOPIC = st.lists(LEVEL | st.sampled_from(["_x002B_", '"', "a,b", "=1"]), min_size=1, max_size=4).map("/".join).filter(is_topic)
TAG = LEVEL.filter(lambda tag: tag.strip() == tag and not tag.startswith("#"))
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=12).map(str.strip)
ROW = st.tuples(TAG, TOPIC, st.sampled_from(["", "measurement@1"]), st.sampled_from(["", "Cel", "bar"]), TEXT | st.just("two\nlines"))
ROWS = st.lists(ROW, min_size=1, max_size=6, unique_by=(lambda row: row[0], lambda row: row[1]))


@settings(max_examples=80, deadline=None)
@given(rows=ROWS, order=st.permutations(range(5)), ending=st.sampled_from(["csv", "xlsx"]))
def test_a_clean_table_comes_out_as_it_went_in(tmp_path_factory, rows: list[tuple[str, ...]], order: list[int], ending: str):
    folder = tmp_path_factory.mktemp("t")
    order = sorted(order, key=lambda index: index != 0)  # the tag first: a row may not begin with `#`
    columns = [["tag", "topic", "contract", "unit", "description"][index] for index in order]
    before, after = folder / f"a.{ending}", folder / f"b.{ending}"
    write_table(before, columns, ([row[index] for index in order] for row in rows))
    table = judge(read_table(before, "a"), check_unit=check_unit)
    write_table(after, table.columns, table.cells())
    assert (table.entries, table.numbers()["accepted"], after.read_bytes() == before.read_bytes()) == ((), len(rows), True)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(',;"\n\r\t'), max_size=60))
def test_whatever_stands_in_it_what_comes_out_is_clean(tmp_path_factory, text: str):
    folder = tmp_path_factory.mktemp("t")
    try:
        table = judged(folder, HEAD + text)
    except TableProblem:
        return
    if table.rows:
        clean = csv_text(table.columns, table.cells())
        again = judged(folder, clean)
        assert (csv_text(again.columns, again.cells()), again.entries) == (clean, ())


def test_a_hundred_thousand_rows_take_seconds(tmp_path: Path):
    content = HEAD + "".join(f"m{number}_temp, acme/cologne/m{number}/temp ,measurement@1,Cel,\n" for number in range(100_000))
    began_s = time.process_time()
    table = judged(tmp_path, content, check_unit=check_unit)
    assert (table.numbers(), table.entries[0].verdict) == ({"rows": 100_000, "accepted": 0, "fixed": 100_000, "refused": 0}, Verdict.TIDIED)
    assert time.process_time() - began_s < 10
