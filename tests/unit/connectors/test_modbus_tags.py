"""Tag lists: what is read, and how every mistake is named."""

from __future__ import annotations

import pytest

from pronubes.connectors.modbus.tags import Tag, load_tags


def read(tmp_path, text, **options):
    path = tmp_path / "tags.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_tags(path, **options)


def test_a_full_row_is_read(tmp_path):
    tags, problems = read(
        tmp_path,
        "tag,table,address,type,order,bit,scale,offset,unit,group,device,invalid\n"
        "temp,holding,0x64,int16,CDAB,,0.1,-40,Cel,fast,7,-32768\n# a remark,,,\n\nrun,coil,3,bool\n",
    )
    assert problems == []
    assert tags == [
        Tag("temp", "holding", 100, "int16", order="CDAB", scale=0.1, offset=-40.0, unit="Cel", group="fast", device=7, invalid=-32768, line=2),
        Tag("run", "coil", 3, "bool", line=5),
    ]


@pytest.mark.parametrize(("base", "address"), [(0, 10), (1, 9)])
def test_addresses_count_from_the_base(tmp_path, base, address):
    tags, _ = read(tmp_path, "tag,table,address,type\nx,holding,10,uint16\n", address_base=base)
    assert tags[0].address == address


@pytest.mark.parametrize("text", ["\ufefftag,table,address,type\nx,holding,1,uint16\n", "tag;table;address;type\r\nx;holding;1;uint16\r\n"])
def test_spreadsheets_are_read(tmp_path, text):
    tags, problems = read(tmp_path, text)
    assert (len(tags), problems) == (1, [])


MISTAKES = {
    "unknown column": ("tag,table,address,type,untis\nx,holding,1,uint16,m\n", 1, "untis", "Did you mean `unit`?"),
    "missing column": ("tag,table,type\nx,holding,uint16\n", 1, "address", "The first row names the columns."),
    "unknown type": ("tag,table,address,type\nx,holding,1,flaot32\n", 2, "type", "Did you mean `float32`?"),
    "unknown table": ("tag,table,address,type\nx,holdings,1,int16\n", 2, "table", "Did you mean `holding`?"),
    "decimal comma in a ; file": ("tag;table;address;type;scale\nx;holding;1;int16;0,1\n", 2, "scale", "Write `0.1`."),
    "decimal comma in a , file": ("tag,table,address,type,scale\nx,holding,1,int16,0,1\n", 2, "", "A decimal comma? Write numbers with a point."),
    "address beyond the table": ("tag,table,address,type\nx,holding,65535,int32\n", 2, "address", None),
    "negative address": ("tag,table,address,type\nx,holding,-1,int32\n", 2, "address", None),
    "number in a coil": ("tag,table,address,type\nx,coil,1,int16\n", 2, "type", None),
    "bool without a bit": ("tag,table,address,type\nx,holding,1,bool\n", 2, "bit", None),
    "name with a level": ("tag,table,address,type\na/b,holding,1,int16\n", 2, "tag", "It becomes one level of a topic (MQTT 5 §4.7)."),
    "name twice": ("tag,table,address,type\nx,holding,1,int16\nx,holding,2,int16\n", 3, "tag", None),
    "infinite scale": ("tag,table,address,type,scale\nx,holding,1,int16,inf\n", 2, "scale", None),
    "nothing": ("tag,table,address,type\n", 1, "", None),
    "not UTF-8": (b"tag,table,address,type\nx\xff,holding,1,int16\n", 1, "", "Save the file as `CSV UTF-8`."),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_row_and_column(tmp_path, name):
    text, row, column, hint = MISTAKES[name]
    _, problems = read(tmp_path, text)
    assert [(problem.row, problem.column, problem.hint) for problem in problems] == [(row, column, hint)]


def test_all_mistakes_are_shown_at_once_and_good_rows_are_kept(tmp_path):
    rows = "".join(f"t{number},holding,{number},{'int61' if number % 1000 == 0 else 'int16'}\n" for number in range(20_000))
    tags, problems = read(tmp_path, "tag,table,address,type\n" + rows)
    assert (len(tags), len(problems)) == (19_980, 20)
