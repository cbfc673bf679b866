"""Routes that templates make may publish where their template is named."""

import orjson
import pytest

from pronubes.config.compile import compile_router, refuse_errors
from pronubes.config.load import load_values
from pronubes.errors import ConfigurationError

ROUTE = {"filter": "raw/${line}/{tag}", "topic": "acme/${line}/{tag}", "to": "screen"}


def configuration(publish):
    return {
        "version": 1,
        "name": "n",
        "sources": {"made": {"type": "generator"}},
        "sinks": {"screen": {"type": "stdout"}},
        "routes": {"other": {"filter": "other/{tag}", "topic": "acme/other/{tag}", "to": "screen"}},
        "templates": {"lines": {"parameters": {"line": "name"}, "routes": {"line_${line}": ROUTE}}},
        "instances": [{"template": "lines", "rows": [{"line": "l1"}, {"line": "l2"}, {"line": "l3"}]}],
        "namespace": {"levels": ["enterprise", "line", "signal"], "branches": {"acme": {"publish": publish}}},
    }


def test_a_template_means_all_routes_that_it_makes(tmp_path):
    compiled = compile_router(load_values(configuration(["template:lines", "other"]), base_dir=tmp_path))
    refuse_errors(compiled)
    publish = orjson.loads(compiled.spec)["namespace"]["branches"][0]["publish"]
    assert sorted(publish) == ["line_l1", "line_l2", "line_l3", "other"]


@pytest.mark.parametrize("name", ["template:line", "line_l1"])
def test_who_is_not_named_may_not_publish(tmp_path, name):
    with pytest.raises(ConfigurationError) as raised:
        refuse_errors(compile_router(load_values(configuration([name, "other"]), base_dir=tmp_path)))
    assert raised.value.diagnostics
