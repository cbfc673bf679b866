"""Templates and instances: what is made is what somebody would have written, and whatever is wrong has its row."""

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pronubes.config.compile import compile_router, refuse_errors
from pronubes.config.lint import lint
from pronubes.config.load import Loaded, load, load_text, load_values
from pronubes.config.model import Route
from pronubes.config.templates.blueprint import is_expression
from pronubes.config.templates.expand import expand
from pronubes.connectors.values import Secret
from pronubes.diagnostics import Diagnostic
from pronubes.errors import ConfigurationError
from pronubes.router import Router

HEAD = """\
version: 1
name: hall
vars: {site: cologne, factor: 2}
sources: {shopfloor: {type: generator}}
sinks: {uns: {type: stdout}}
"""
TEMPLATE = """\
templates:
  filler:
    parameters:
      line: name
      plc: {type: name}
      limit: {type: number, default: 80, range: [0, 200]}
      serial: {type: text, default: ""}
    routes:
      "t_${line}_${plc}":
        filter: raw/${line}/${plc}/{tag}
        where: payload.value < ${limit}
        steps:
          - scale: {field: value, factor: "${factor}"}
          - set: {serial: "${serial}", limit: "${limit}", where: "${line} at ${site}"}
        topic: acme/${site}/${line}/${plc}/{tag}
        to: uns
"""
ROWS = "instances:\n- {template: filler, rows: "


def rows(text: str, *, template: str = TEMPLATE) -> Loaded:
    return load_text(HEAD + template + ROWS + text + "}\n")


def table(folder: Path, content: str | bytes, *, template: str = TEMPLATE, more: str = "", name: str = "machines.csv") -> Loaded:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    path = folder / "hall.yaml"
    path.write_text(HEAD + template + f"instances:\n- {{template: filler, table: {name}{more}}}\n", encoding="utf-8")
    return load(path)


def routes_of(loaded: Loaded) -> dict[str, Any]:
    return {route.pop("name"): route for route in orjson.loads(compile_router(loaded).spec)["routes"]}


def findings(caught: pytest.ExceptionInfo[ConfigurationError]) -> list[Diagnostic]:
    return list(caught.value.diagnostics)


def brief(diagnostic: Diagnostic) -> tuple[Any, ...]:
    position = diagnostic.position
    return Path(diagnostic.file).name, position and (position.line, position.column), diagnostic.message


def test_one_row_makes_what_somebody_would_have_written() -> None:
    assert routes_of(rows('[{line: l1, plc: p1, limit: 12.5, serial: "x ${site}"}]')) == {
        "t_l1_p1": {
            "filter": "raw/l1/p1/{tag}",
            "where": "payload.value < vars.limit",
            "vars": {"limit": 12.5},
            "steps": [
                {"scale": {"field": "value", "factor": 2}},
                {"set": {"serial": "x cologne", "limit": 12.5, "where": "l1 at cologne"}},
            ],
            "topic": "acme/cologne/l1/p1/{tag}",
            "to": [{"sink": "uns"}],
        }
    }


def test_routes_of_machines_come_after_those_of_the_file_in_the_order_of_the_rows() -> None:
    text = HEAD + "routes: {last: {filter: '#', to: uns}}\n" + TEMPLATE + ROWS + "[{line: b, plc: p}, {line: a, plc: p}]}\n"
    assert list(load_text(text).configuration.routes) == ["last", "t_b_p", "t_a_p"]


@pytest.mark.parametrize(
    ("content", "limit", "serial"),
    [
        ("line,plc,limit,serial\nl1,p1,80.5,x\n", 80.5, "x"),
        ("\ufeffline;plc;limit;serial\r\n\r\nl1;p1;80,5;x\r\n;;;\r\n", 80.5, "x"),
        ("sep=;\r\nline;plc;limit;serial\r\nl1;p1;80;x\r\n", 80, "x"),
        ("line\tplc\tlimit\tserial\r# a comment\tx\rl1\tp1\t-0,5e2\tx\r".replace("-0,5e2", "50"), 50, "x"),
        ('line,plc,limit,serial\nl1,p1,,"a, ""b""\nc"\n', 80, 'a, "b"\nc'),
        ("serial,plc , line\nx,p1, l1 \n", 80, "x"),
        ("line,plc,,,\nl1,p1,,,\n", 80, ""),
        ("line,plc,limit,serial\nl1,p1\n", 80, ""),
    ],
    ids=["plain", "spreadsheet", "sep", "tabs", "quotes", "order", "nameless", "short"],
)
def test_tables_are_read_as_spreadsheets_write_them(tmp_path: Path, content: str, limit: float, serial: str) -> None:
    made = routes_of(table(tmp_path, content))
    assert list(made) == ["t_l1_p1"]
    assert made["t_l1_p1"]["steps"][1]["set"] | {"where": ""} == {"serial": serial, "limit": limit, "where": ""}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('line,plc,limit\nl1,p1,"80,5"\n', [((2, 7), "`limit` has a value that it does not take.")]),
        ('line;plc;limit\nl1;p1;"1,234"\n', [((2, 7), "`limit` has a value that it does not take.")]),
        ("line,plc,limit\nl1,,900\n,p,1e999\n", [((2, 5), "`limit` has a value that it does not take."), ((2, 4), "`plc` is missing.")]),
        ("line,plc\na/b,p\na+,p\n#,p\n{x},p\n$x,p\n", [((2, 1), "`line` has a value that it does not take.")] * 1),
        ("line,plz\nl1,p1\n", [((1, 6), "The template `filler` has no parameter `plz`."), ((1, 1), "There is no column `plc`.")]),
        ("line,plc,line\nl1,p1,l2\n", [((1, 10), "The column `line` stands twice.")]),
        ("line,plc,site\nl1,p1,x\n", [((1, 10), "`site` is a variable of the configuration: a machine cannot change it.")]),
        ("line,plc\nl1,p1,x\n", [((2, 7), "The row has more cells than the table has columns.")]),
        ("line,plc,\nl1,p1,x\n", [((2, 7), "This column has no name.")]),
        ("line|plc\nl1|p1\n", [((1, 1), "The template `filler` has no parameter `line|plc`.")]),
        ('line,plc\nl1,"p1\n', [((2, 1), "A quote is never closed.")]),
        ('line,plc\nl1,"p"1\n', [((2, 1), "This is no CSV: ',' expected after '\"'.")]),
        ("line,plc\n", [(None, "The table has no row.")]),
        ("", [(None, "The table is empty.")]),
        (b"line,plc\nl1,p\xfc\n", [((2, 1), "Line 2 is not UTF-8.")]),
        ("line,plc\nl1,p1\n".encode("utf-16"), [(None, "The table is UTF-16.")]),
        (b"PK\x03\x04 no workbook", [(None, "The workbook cannot be read.")]),
        ("line,plc\n" + "l1,p1\n" * 100_001, [((100_002, 1), "The table has more than 100,000 rows.")]),
    ],
)
def test_what_is_wrong_in_a_table_has_its_row_and_column(tmp_path: Path, content: str | bytes, found: list[Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        table(tmp_path, content)
    begin = [(file, place, message) for file, place, message in map(brief, findings(caught))][: len(found)]
    assert begin == [("machines.csv", place, message) for place, message in found]


def test_a_table_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "hall.yaml").write_text(HEAD + TEMPLATE + "instances: [{template: filler, table: machines.csv}]\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="The table cannot be read: no such file or directory"):
        load(tmp_path / "hall.yaml")


@pytest.mark.parametrize(
    ("row", "message", "expected"),
    [
        ("{line: l1}", "`plc` is missing.", "`plc`, a name"),
        ("{line: 7, plc: p}", "`line` has a value that it does not take.", None),
        ("{line: l1, plc: p, limit: '80'}", "`limit` has a value that it does not take.", "a number as in `80` or `80.5`"),
        ("{line: l1, plc: p, limit: true}", "`limit` has a value that it does not take.", "a number as in `80` or `80.5`"),
        ("{line: l1, plc: p, limit: 201}", "`limit` has a value that it does not take.", "a number from 0 to 200"),
        ("{line: l1, plc: p, serial: [x]}", "`serial` has a value that it does not take.", "a text"),
        ("{line: l1, plc: p, lyne: x}", "The template `filler` has no parameter `lyne`.", None),
        ("{line: l1, plc: p, site: x}", "`site` is a variable of the configuration: a machine cannot change it.", None),
        ("{line: l1, plc: p, serial: '${env:X}'}", "`serial` has a value that it does not take.", None),
    ],
)
def test_what_is_wrong_in_a_written_row_has_its_place(row: str, message: str, expected: str | None) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rows(f"[{row}]")
    (found,) = findings(caught)
    assert (found.message, found.position and found.position.line) == (message, HEAD.count("\n") + TEMPLATE.count("\n") + 2)
    assert expected is None or found.expected == expected


def test_equal_names_name_both_rows(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        table(tmp_path, "line,plc\nl1,p1\nl2,p1\n\nl1,p1\n")
    (found,) = findings(caught)
    assert "machines.csv:2 makes it already" in found.message
    assert (found.origin, found.position and found.position.line) == (str(tmp_path / "machines.csv:5"), 14)


def test_a_name_that_is_written_out_is_not_made_again() -> None:
    with pytest.raises(ConfigurationError, match="it is written out under `routes` already"):
        load_text(HEAD + "routes: {t_l1_p1: {filter: '#', to: uns}}\n" + TEMPLATE + ROWS + "[{line: l1, plc: p1}]}\n")


def test_a_value_that_makes_no_name_is_an_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        rows('[{line: "l 1", plc: p1}]')
    (found,) = findings(caught)
    assert (found.message, found.found, found.origin) == ("This is no name of a route.", "t_l 1_p1", "instances[0].rows[0]")


@pytest.mark.parametrize(
    ("old", "new", "message", "marked"),
    [
        ("raw/${line}/", "raw/${lime}/", "There is no parameter or variable `lime`.", "${lime}"),
        ("raw/${line}/", "raw/${serial}/", "The parameter `serial` is a text: it could bring wildcards and levels into a topic.", "${serial}"),
        ("set: {serial:", 'set: {"${serail}":', "There is no parameter or variable `serail`.", "${serail}"),
        ("value < ${limit}", 'unit == "${serial}"', "The parameter `serial` stands within a quoted text.", "${serial}"),
        ("t_${line}_${plc}", "t", "Every machine would make the same name.", '"t"'),
        ("line: name", "site: name, line: name", "`site` is a variable of `vars`: a parameter cannot take its place.", "site"),
        ("range: [0, 200]", "range: [100, 200]", "The parameter does not take this value.", "80"),
        ("range: [0, 200]", "enum: [1, x]", "The parameter does not take this value.", "x"),
        ("{type: name}", "{type: nam}", "The value is not allowed.", "nam"),
        ("line: name", "my-line: name", "This is not the name of a parameter.", "my-line"),
        ("template: filler,", "template: filer,", "There is no template `filer`.", "filer"),
        ("rows: [", "table: x.csv, rows: [", "An instance needs either a `table` or `rows`.", "{template"),
    ],
)
def test_what_is_wrong_in_a_template_has_its_place(old: str, new: str, message: str, marked: str) -> None:
    text = HEAD + TEMPLATE + ROWS + "[{line: l1, plc: p1}]}\n"
    if new.startswith(("site:", "my-line")):
        text = text.replace("      line: name\n", "".join(f"      {one.strip()}\n" for one in new.split(",")))
    else:
        text = text.replace(old, new, 1)
    with pytest.raises(ConfigurationError) as caught:
        load_text(text)
    found = next(one for one in findings(caught) if one.message == message)
    assert found.position is not None
    line = text.splitlines()[found.position.line - 1]
    assert line[found.position.column - 1 :].startswith(marked)


def test_what_the_model_refuses_stands_in_the_template_and_names_the_machine_once(tmp_path: Path) -> None:
    content = "line,plc\n" + "".join(f"l{number},p\n" for number in range(500))
    with pytest.raises(ConfigurationError) as caught:
        table(tmp_path, content, template=TEMPLATE.replace("scale: {field", "scale: {feld"))
    unknown, missing = sorted(findings(caught), key=lambda one: one.code, reverse=True)
    assert (unknown.position and unknown.position.line, unknown.found, unknown.path) == (18, "feld", "routes.t_l0_p.steps[0].scale.feld")
    assert unknown.origin == f"{tmp_path / 'machines.csv'}:2, and 499 more machines"
    assert missing.message == "`field` is missing."


def test_what_the_engine_refuses_stands_in_the_template_and_names_the_machine() -> None:
    text = HEAD + TEMPLATE.replace("value < ${limit}", "value < ${limit} + ${serial}").replace("{tag}\n        to", "{tog}\n        to")
    text += ROWS + "[{line: l1, plc: p1}, {line: l2, plc: p1, limit: 3}]}\n"
    with pytest.raises(ConfigurationError) as caught:
        refuse_errors(compile_router(load_text(text)))
    where, topic = findings(caught)
    lines = text.splitlines()
    for found, marked in ((where, "${limit} + ${serial}"), (topic, "tog")):
        assert found.position is not None
        begin = found.position.column - 1
        assert marked in lines[found.position.line - 1][begin - 1 : begin + found.position.length]
        assert found.origin == "instances[0].rows[0], and 1 more machine"


def test_a_source_that_a_route_names_is_made_too() -> None:
    template = """\
templates:
  filler:
    parameters: {plc: name, count: integer, pause: {type: duration, default: 5s}, on: {type: boolean, default: true}}
    sources:
      plc_${plc}: {type: generator, tags: "${count}"}
    sinks:
      out_${plc}: {type: stdout}
    routes:
      r_${plc}: {from: "plc_${plc}", filter: "#", final: "${on}", to: "out_${plc}"}
"""
    loaded = rows("[{plc: a, count: 10}, {plc: b, count: 20, on: false}]", template=template)
    configuration = loaded.configuration
    assert (list(configuration.sources), list(configuration.sinks)) == (["shopfloor", "plc_a", "plc_b"], ["uns", "out_a", "out_b"])
    assert [route.final for route in configuration.routes.values()] == [True, False]
    assert [one.code for one in lint(loaded) if one.code.startswith("unused_p")] == ["unused_parameter"]
    refuse_errors(compile_router(loaded))


def test_names_that_lead_nowhere_name_the_machine() -> None:
    with pytest.raises(ConfigurationError) as caught:
        rows("[{line: l1, plc: p1}, {line: l2, plc: p2}]", template=TEMPLATE.replace("to: uns", 'to: "uns_${line}"'))
    first, second = findings(caught)
    assert (first.message, first.found, first.origin) == ("There is no sink `uns_l1`.", "uns_l1", "instances[0].rows[0]")
    assert (second.found, second.origin) == ("uns_l2", "instances[0].rows[1]")


def test_a_secret_stays_a_reference(tmp_path: Path) -> None:
    template = """\
templates:
  filler:
    parameters: {plc: name, password: secret}
    sources: {"m_${plc}": {type: mqtt, url: "mqtt://127.0.0.1", topics: ["a/${plc}"], username: u, password: "${password}"}}
"""
    loaded = table(tmp_path, "plc,password\np1,${env:P1}\n", template=template)
    assert loaded.configuration.sources["m_p1"].options.password == Secret("${env:P1}")  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError) as caught:
        table(tmp_path, "plc,password\np1,canary\n", template=template)
    (found,) = findings(caught)
    assert (found.is_secret, found.found) == (True, None)
    assert "canary" not in str(found)


def test_values_for_all_rows_and_columns_to_ignore(tmp_path: Path) -> None:
    loaded = table(tmp_path, "plc,remark\np1,new\n", more=", values: {line: l1}, ignore: [remark]")
    origin = loaded.places.origins.of("routes", "t_l1_p1")
    assert origin is not None
    place = f"{tmp_path / 'machines.csv'}:2"
    assert (origin.template, origin.place) == ("filler", place)
    assert [(one.name, one.value, one.origin) for one in origin.parameters] == [
        ("line", "l1", "instances[0].values"),
        ("plc", "p1", f"{place}, column `plc`"),
        ("limit", 80, "default of `filler`"),
        ("serial", "", "default of `filler`"),
    ]
    with pytest.raises(ConfigurationError, match="`plc` stands under `values` already"):
        table(tmp_path, "line,plc\nl1,p1\n", more=", values: {plc: p2}")


def test_a_default_may_be_a_variable() -> None:
    template = TEMPLATE.replace('default: ""', 'default: "${site}-x"')
    text = HEAD + template + ROWS + "[{line: l1, plc: p1}]}\n"
    for loaded in (load_text(text), load_values(yaml.safe_load(text))):
        assert routes_of(loaded)["t_l1_p1"]["steps"][1]["set"]["serial"] == "cologne-x"


def test_a_template_that_nobody_uses_is_a_warning() -> None:
    codes = [one.code for one in lint(load_text(HEAD + TEMPLATE))]
    assert "unused_template" in codes


def test_machines_that_are_alike_share_their_steps() -> None:
    loaded = rows("[{line: l1, plc: p1}, {line: l1, plc: p2}, {line: l2, plc: p1}]")
    first, second, third = (loaded.values["routes"][name]["steps"] for name in ("t_l1_p1", "t_l1_p2", "t_l2_p1"))
    assert first is second
    assert first is not third
    first, second, third = (loaded.configuration.routes[name].steps for name in ("t_l1_p1", "t_l1_p2", "t_l2_p1"))
    assert first is second
    assert first != third


def test_a_limit_is_a_constant_of_its_route() -> None:
    router = Router(compile_router(rows("[{line: l1, plc: p1}, {line: l2, plc: p1, limit: 12.5}]")))
    payload = b'{"value": 50}'
    outcomes = router.route("shopfloor", [("raw/l1/p1/t", payload), ("raw/l2/p1/t", payload)], now_ns=0)
    assert [(outcome.route, outcome.topic) for outcome in outcomes if outcome.sink] == [("t_l1_p1", "acme/cologne/l1/p1/t")]


def expressions(schema: Any, definitions: Any, path: tuple[Any, ...]) -> set[tuple[Any, ...]]:
    """List the paths of a schema at which expressions stand: no other text has their greatest length."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].removeprefix("#/$defs/")]
    found = {path} if schema.get("maxLength") == 10_000 else set()
    for name, inner in schema.get("properties", {}).items():
        found |= expressions(inner, definitions, (*path, name))
    for inner in schema.get("anyOf", ()):
        found |= expressions(inner, definitions, path)
    if isinstance(schema.get("items"), dict) and len(path) < 6:
        found |= expressions(schema["items"], definitions, (*path, 0))
    if isinstance(schema.get("additionalProperties"), dict) and len(path) < 6:
        found |= expressions(schema["additionalProperties"], definitions, (*path, "key"))
    return found


def test_every_expression_of_a_route_is_known_as_one() -> None:
    schema = Route.model_json_schema(by_alias=True)
    found = expressions(schema, schema["$defs"], ("routes", "r"))
    assert found == {("routes", "r", "where"), ("routes", "r", "steps", 0, "where"), ("routes", "r", "steps", 0, "compute", "key")}
    assert all(is_expression(path) for path in found)


HOSTILE = [
    '"',
    "'",
    "a'b\"c",
    "${site}",
    "$${x}",
    "{x}",
    "a: b",
    "- x",
    "# y",
    "!tag",
    "&a *a",
    "1e999",
    "true",
    "null",
    "äöü \u202e",
    "a\nb",
    "/#+",
    "}}",
    "%s",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_text_stays_data(value: str) -> None:
    text = TEMPLATE.replace("value < ${limit}", "serial == ${serial}")
    values = yaml.safe_load(HEAD + text) | {"instances": [{"template": "filler", "rows": [{"line": "l1", "plc": "p1", "serial": value}]}]}
    if "${" in value:
        values["instances"][0]["rows"][0]["serial"] = value.replace("${", "$${")
    loaded = load_values(values)
    refuse_errors(compile_router(loaded))
    router = Router(compile_router(loaded))
    payload = orjson.dumps({"value": 1, "serial": value})
    (outcome,) = router.route("shopfloor", [("raw/l1/p1/t", payload)], now_ns=0)
    assert outcome.reason is None
    assert orjson.loads(outcome.payload)["serial"] == value


NAMES = st.text("abcXYZ019_-", min_size=1, max_size=6)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda text: "${" not in text)
MACHINES = st.lists(
    st.fixed_dictionaries({"line": NAMES, "plc": NAMES}, optional={"limit": st.integers(0, 200) | st.floats(0, 200, width=32), "serial": TEXTS}),
    min_size=1,
    max_size=6,
    unique_by=lambda row: f"{row['line']}_{row['plc']}",
)


@given(machines=MACHINES)
@settings(max_examples=60, deadline=None)
def test_what_is_made_equals_what_is_written_out_by_hand(machines: list[dict[str, Any]]) -> None:
    base = yaml.safe_load(HEAD + TEMPLATE)
    made = load_values(base | {"instances": [{"template": "filler", "rows": machines}]})
    by_hand = {}
    for row in machines:
        line, plc, limit, serial = row["line"], row["plc"], row.get("limit", 80), row.get("serial", "")
        by_hand[f"t_{line}_{plc}"] = {
            "filter": f"raw/{line}/{plc}/{{tag}}",
            "where": "payload.value < vars.limit",
            "steps": [
                {"scale": {"field": "value", "factor": 2}},
                {"set": {"serial": serial, "limit": limit, "where": f"{line} at cologne"}},
            ],
            "topic": f"acme/cologne/{line}/{plc}/{{tag}}",
            "to": "uns",
        }
    written = load_values({**{key: value for key, value in base.items() if key != "templates"}, "routes": by_hand})
    assert made.configuration.routes == written.configuration.routes
    specs = [orjson.loads(compile_router(loaded).spec)["routes"] for loaded in (made, written)]
    assert [route.pop("vars") for route in specs[0]] == [{"limit": row.get("limit", 80)} for row in machines]
    assert specs[0] == specs[1]


@given(content=st.text(max_size=200) | st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_table_ends_in_anything_but_findings(content: str | bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("tables", numbered=True)
    content = content if isinstance(content, bytes) else ("line,plc\n" + content).encode(errors="replace")
    (folder / "t.csv").write_bytes(content)
    base = yaml.safe_load(HEAD + TEMPLATE) | {"instances": [{"template": "filler", "table": "t.csv"}]}
    expansion = expand(base, {"site": "cologne", "factor": 2}, folder, "hall.yaml")
    assert expansion.is_complete or expansion.findings or expansion.diagnostics
