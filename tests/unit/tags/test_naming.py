"""Names of tags in a configuration: the table first, then the rules, then the template; collisions named with both."""

import time
from pathlib import Path

import pytest

from pronubes.config.lint import lint
from pronubes.config.load import Loaded, load_values
from pronubes.connectors.base import ConnectorContext
from pronubes.errors import ConfigurationError, NotConnected
from pronubes.tags.naming import SourceTag

RULES = [{"tag": "tag{number}", "topic": "acme/{source}/{number}", "contract": "measurement@1"}]


def loaded(folder: Path, names: object, table: str | None = None, **options: object) -> Loaded:
    if table is not None:
        (folder / "names.csv").write_text(table)
    source = {"type": "generator", "tags": 4, "names": names, **options}
    values = {"version": 1, "name": "n", "sources": {"boiler": source}, "sinks": {"out": {"type": "stdout"}}}
    return load_values(values | {"routes": {"r": {"filter": "#", "to": "out"}}}, base_dir=folder)


def names_of(subject: Loaded) -> list[tuple[str, str | None, str]]:
    source = subject.configuration.sources["boiler"]
    named = [source.naming.name(tag) for tag in source.options.tag_list(subject.base_dir)]
    return [(name.topic, name.contract, name.origin) for name in named]


def test_the_table_then_the_rules_then_the_template(tmp_path: Path):
    rules = [{"tag": "{a}2", "topic": "x/{tag}/{a}"}, {"tag": "{a}2", "topic": "never"}, {"tag": "tag1", "topic": "y"}]
    subject = loaded(tmp_path, {"table": "names.csv", "rules": rules}, "tag,topic,contract\ntag1,acme/one,measurement@1\n")
    assert names_of(subject) == [
        ("boiler/tag0", None, "topic"),
        ("acme/one", "measurement@1", "row 2"),
        ("x/tag2/tag", None, "names.rules[0]"),
        ("boiler/tag3", None, "topic"),
    ]


def test_a_table_alone_is_enough(tmp_path: Path):
    assert names_of(loaded(tmp_path, "names.csv", "tag,topic\ntag0,a\n"))[0] == ("a", None, "row 2")


def refused(folder: Path, names: object, table: str | None = None, **options: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, names, table, **options)
    return str(caught.value)


def test_two_tags_with_one_name_are_an_error_that_names_both(tmp_path: Path):
    text = refused(tmp_path, {"table": "names.csv", "rules": RULES}, "tag,topic\ntag3,acme/boiler/1\n")
    assert "Two tags get one name: `tag1` (`names.rules[0]`) and `tag3` (row 2 of the table)." in text
    assert "names.csv:2:6" in text
    assert "Row 2 has this name already" in refused(tmp_path, "names.csv", "tag,topic\ntag0,a\ntag1,a\n")


def test_many_collisions_are_counted(tmp_path: Path):
    text = refused(tmp_path, {"rules": [{"tag": "tag{n}", "topic": "one"}]}, tags=1_000)
    assert "949 more tags of `boiler` get no name of their own." in text


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"rules": [{"tag": "{a}{b}", "topic": "{a}"}]}, "Two captures stand side by side."),
        ({"rules": [{"tag": "{a}", "topic": "x/{b}"}]}, "There is nothing called `b`."),
        ({"rules": [{"tag": "{a}", "topic": "x/+"}]}, "This is not a topic."),
        ({}, "Nothing names the tags."),
        ("missing.csv", "The table cannot be read"),
    ],
)
def test_what_is_wrong_is_said_at_load(tmp_path: Path, names: object, said: str):
    assert said in refused(tmp_path, names)


def test_the_topic_of_a_source_is_checked_too(tmp_path: Path):
    assert "There is nothing called `tagg`." in refused(tmp_path, {"rules": RULES}, topic="{source}/{tagg}")


def test_what_would_have_to_be_escaped_is_an_error_with_a_way_out(tmp_path: Path):
    assert "pronubes tags import names.csv" in refused(tmp_path, "names.csv", "tag,topic\ntag0,a+\n")


def test_a_row_without_a_tag_is_a_warning_with_a_hint(tmp_path: Path):
    warnings = [one for one in lint(loaded(tmp_path, "names.csv", "tag,topic\ntagg2,a\n")) if one.code == "stray_name"]
    assert [(one.message, one.hint) for one in warnings] == [
        ("Row 2 of `names.csv` names the tag `tagg2`, which `boiler` does not have.", "Did you mean `tag2`?")
    ]


def test_a_changed_table_is_a_changed_source(tmp_path: Path):
    before, same = (loaded(tmp_path, "names.csv", "tag,topic\ntag0,a\n").configuration.sources for _ in range(2))
    after = loaded(tmp_path, "names.csv", "tag,topic\ntag0,b\n").configuration.sources
    assert (before == same, before == after) == (True, False)


async def test_the_generator_sends_under_its_names(tmp_path: Path, context: ConnectorContext):
    source = loaded(tmp_path, {"table": "names.csv", "rules": RULES}, "tag,topic\ntag0,acme/zero\n", rate=1e6).configuration.sources["boiler"]
    generator = source.connector.create(source.options, context)
    await generator.open()
    assert sorted(set((await generator.read()).topics)) == ["acme/source/1", "acme/source/2", "acme/source/3", "acme/zero"]


async def test_a_table_that_is_gone_at_run_time_is_waited_for(tmp_path: Path, context: ConnectorContext):
    source = loaded(tmp_path, "names.csv", "tag,topic\ntag0,acme/zero\n").configuration.sources["boiler"]
    (tmp_path / "names.csv").unlink()
    with pytest.raises(NotConnected):
        await source.connector.create(source.options, context).open()


def test_the_unit_of_the_table_comes_before_that_of_the_tag_list(tmp_path: Path):
    naming = loaded(tmp_path, "names.csv", "tag,topic,unit\ntag0,a,bar\ntag1,b,\n").configuration.sources["boiler"].naming
    assert [naming.name(SourceTag(name, unit="Cel")).unit for name in ("tag0", "tag1", "tag2")] == ["bar", "Cel", "Cel"]


def test_a_hundred_thousand_tags_load_in_seconds(tmp_path: Path):
    table = "tag,topic\n" + "".join(f"tag{number},acme/{number}\n" for number in range(0, 200_000, 2))
    began_s = time.process_time()
    subject = loaded(tmp_path, {"table": "names.csv", "rules": RULES}, table, tags=100_000)
    assert (len(lint(subject)) > 0, time.process_time() - began_s < 15) == (True, True)
