"""A reload sees that a file which a source reads has changed."""

from pronubes.pipeline.plan import load_plan

CONFIG = """\
version: 1
name: boiler
sources:
  boiler: {type: modbus, url: "tcp://127.0.0.1:5020", tags: tags.csv}
  made: {type: generator}
sinks: {out: {type: stdout}}
routes: {all: {filter: "#", to: out}}
"""


def test_an_edited_tag_list_is_another_source_and_an_untouched_one_is_not(tmp_path):
    config, tags = tmp_path / "boiler.yaml", tmp_path / "tags.csv"
    config.write_text(CONFIG, encoding="utf-8")
    tags.write_text("tag,table,address,type\nt1,holding,1,int16\n", encoding="utf-8")
    first, same = load_plan(config), load_plan(config)
    tags.write_text("tag,table,address,type\nt1,holding,2,int16\n", encoding="utf-8")
    edited = load_plan(config)
    assert first.sources == same.sources
    assert first.sources["boiler"] != edited.sources["boiler"]
    assert first.sources["made"] == edited.sources["made"]
