"""A pipeline's YAML: all that is wrong is said at once, with line, path and fix; secrets stay where they are."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.spec import (
    PipelineSpec,
    default_pipeline,
    duration,
    editor_schema,
    load_or_default,
    load_pipeline,
    read_opened,
    slug,
    write_opened,
)
from tasks.quality.errors import SpecError

GOOD = """\
name: orders
description: the shop's orders
source: {kind: file, path: "data/{{ day }}.csv"}
contract:
  columns:
    price: {type: number, minimum: 0}
    day: {type: date, maximum: 2026-12-31}
    state: {allowed: [yes, no, 1]}
  key: id
  rules:
    - {name: cheap, expression: price < 5}
goals:
  - name: Revenue
    metric: sum(price)
    target: '>= 100'
    grain: {column: day, unit: month}
    segments: [state]
gates:
  source: always
  quality: {ask: {below: 95}, rounds: 3, deadline: 2d, remind: 4h, overdue: no-go}
destination:
  kind: database
  url: postgresql://ann:s3cret@db/x?password=${PW}
  table: orders
  mode: replace
notify: {slack: shop-alerts}
schedule: {cron: "0 6 * * mon-fri", timezone: Europe/Berlin}
parameters: {day: 2026-01-01}
goal:
"""
MINIMAL = """\
name: orders
source: {kind: file, path: a.csv}
destination: {kind: file, path: out.parquet}
"""


@pytest.fixture
def pipeline(tmp_path):
    def write(text):
        file = tmp_path / "orders.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def refused(file):
    with pytest.raises(SpecError) as error:
        load_pipeline(file)
    return str(error.value)


def test_a_whole_pipeline_is_read(pipeline, tmp_path):
    spec = load_pipeline(pipeline(GOOD.replace("goal:\n", "")))
    assert (spec.name, spec.source.path, spec.contract.key) == ("orders", "data/2026-01-01.csv", ("id",))
    assert spec.contract.column("state").allowed == ("yes", "no", "1")
    assert spec.contract.column("day").maximum == dt.date(2026, 12, 31)
    assert spec.goals[0].target.at_least == 100
    assert spec.gates.quality.remind == dt.timedelta(hours=4)
    assert (spec.gates.quality.rounds, spec.gates.quality.overdue, spec.gates.load.ask) == (3, "no-go", "always")
    assert (spec.schedule.cron, spec.schedule.timezone) == ("0 6 * * mon-fri", "Europe/Berlin")
    assert spec.base() == tmp_path.resolve()


def test_codes_are_no_numbers(pipeline):
    allowed = "[7, -7, 0, 007, +49, 1_000, 0x1F, 12:30, NO]"
    spec = load_pipeline(pipeline(GOOD.replace("[yes, no, 1]", allowed).replace("goal:\n", "")))
    assert spec.contract.column("state").allowed == ("7", "-7", "0", "007", "+49", "1_000", "0x1F", "12:30", "NO")


def test_little_is_needed_and_the_rest_has_sensible_values(pipeline):
    spec = load_pipeline(pipeline(MINIMAL))
    asked = [gate.asks(50) for gate in (spec.gates.source, spec.gates.quality, spec.gates.load)]
    assert (asked, spec.gates.quality.rounds, spec.schedule, spec.goals) == ([False, True, True], 5, None, ())


def test_a_section_left_empty_is_as_if_it_were_not_there(pipeline):
    assert load_pipeline(pipeline(MINIMAL + "goals:\ncontract:\n  columns:\n")) == load_pipeline(pipeline(MINIMAL))


@pytest.mark.parametrize(("score", "asks"), [(94.9, True), (95, False), (100, False), (None, True)])
def test_a_gate_can_ask_only_when_quality_is_low(pipeline, score, asks):
    assert load_pipeline(pipeline(GOOD.replace("goal:\n", ""))).gates.quality.asks(score) is asks


LAUGHS = b"".join(
    b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1) if name > ord("a") else b"x"] * 10))
    for name in b"abcdef"
)

FAULTS = [
    (
        1,
        "name: orders",
        "name: My Orders",
        "name: 'My Orders' must be lower-case letters, digits and hyphens, e.g. 'my-orders'",
    ),
    (3, "kind: file, path", "kind: fiel, path", "source.kind: 'fiel' is not one of api, database, file, s3"),
    (3, "path:", "paht:", "source.paht: unknown key 'paht'; available: kind, path"),
    (3, "{{ day }}", "{{ dya }}", "source.path: unknown parameter 'dya'; available: day. Did you mean 'day'?"),
    (
        6,
        "type: number",
        "type: numbr",
        "price.type: 'numbr' is not one of text, integer, number, date, timestamp, boolean. Did you mean 'number'?",
    ),
    (6, "minimum: 0", "minimum: low", "contract.columns.price.minimum: 'low' is neither a number nor a date"),
    (
        6,
        "minimum: 0",
        "minium: 0",
        "contract.columns.price.minium: unknown key 'minium'; available: type, format, required",
    ),
    (7, "type: date", "type: text", "contract.columns.day: 'maximum: 2026-12-31' does not suit 'type: text'"),
    (11, "price < 5", "sum(price) < 5", "contract.rules[0].expression: 'SUM(price)' is over all rows"),
    (11, "price < 5", "prices(1)", "contract.rules[0].expression: unknown function 'prices'"),
    (14, "sum(price)", "price", "goals[0].metric: expression 'price' gives one value per row"),
    (15, "'>= 100'", "100", "goals[0].target: say how 100 is meant, e.g. '>= 100'"),
    (
        16,
        "unit: month",
        "unit: mont",
        "goals[0].grain.unit: 'mont' is not one of day, week, month, quarter, year. Did you mean 'month'?",
    ),
    (19, "always", "allways", "gates.source: 'allways' is not one of always, never, below"),
    (20, "{below: 95}", "{below: 195}", "gates.quality.ask.below: must be less than or equal to 100, not '195'"),
    (
        20,
        "{below: 95}",
        "allways",
        "quality.ask: 'allways' is not one of always, never, below: N (a score, 0 to 100). Did you mean 'always'?",
    ),
    (20, "rounds: 3", "rounds: 0", "gates.quality.rounds: must be greater than or equal to 1, not '0'"),
    (20, "deadline: 2d", "deadline: 2 days", "gates.quality.deadline: '2 days' is no length of time; write e.g. 30m"),
    (20, "no-go", "go", "gates.quality.overdue: 'go' is not one of wait, no-go"),
    (
        22,
        "kind: database",
        "kind: databse",
        "destination.kind: 'databse' is not one of database, file",
    ),
    (27, "0 6 * * mon-fri", "61 6 * * *", "schedule.cron: '61' is no minute; write 0 to 59"),
    (27, "0 6 * * mon-fri", "0 6 * *", "schedule.cron: '0 6 * *' has 4 fields"),
    (27, "Europe/Berlin", "Europe/Belrin", "schedule.timezone: 'Europe/Belrin' is no time zone"),
    (27, "cron:", "interval: 1d, cron:", "schedule: name either 'cron' or 'interval'"),
    (26, "{slack: shop-alerts}", "slack", "notify: must be a mapping of 'key: value' lines, not 'slack'"),
    (29, "goal:", "gaols: []", "gaols: unknown key 'gaols'; available: name, description, source, lookups"),
    (29, "goal:", "folder: /tmp", "folder: unknown key 'folder'; available: name"),
]


@pytest.mark.parametrize(("line", "right", "wrong", "said"), FAULTS, ids=[fault[2] for fault in FAULTS])
def test_a_fault_names_line_path_and_fix(pipeline, line, right, wrong, said):
    assert right in GOOD
    told = refused(pipeline(GOOD.replace(right, wrong, 1)))
    assert told.splitlines()[0].startswith(f"orders.yaml:{line}: ")
    assert said in told


def test_all_faults_are_told_at_once_in_the_order_of_their_lines(pipeline):
    text = GOOD
    for _line, right, wrong, _said in (FAULTS[0], FAULTS[3], FAULTS[4], FAULTS[10], FAULTS[13], FAULTS[16], FAULTS[22]):
        text = text.replace(right, wrong, 1)
    told = refused(pipeline(text.replace("goal:\n", ""))).splitlines()
    assert [int(line.split(":")[1]) for line in told] == [1, 3, 6, 14, 19, 20, 27]


def test_what_is_missing_is_said_with_what_it_is(pipeline):
    told = refused(pipeline("description: x\n"))
    assert "orders.yaml:1: source: is missing (where the data comes from" in told
    assert "orders.yaml:1: destination: is missing" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "orders.yaml is empty"),
        (b"# nothing\n", "orders.yaml is empty"),
        (b"just text", "orders.yaml:1: a pipeline is a mapping"),
        (b"- a\n- b\n", "orders.yaml:1: a pipeline is a mapping"),
        (b"name: a\nname: b\n", "orders.yaml:2: 'name' is there twice; keep one"),
        (b"source:\n\tkind: file\n", "orders.yaml:2: a tab, where YAML takes only spaces"),
        (b"name: a: b\n", "orders.yaml:1: a second ': ' in one line; put the text in quotes"),
        (b"name: @a\n", "put the text in quotes"),
        (b"goals: [\n", "orders.yaml:"),
        (b"name: orders\nsource: caf\xe9\n", "orders.yaml:2: not UTF-8"),
        (b"name: !!python/object:os.system x\n", "orders.yaml:1: name: a value with the tag"),
        (b"a: &a [x, *a]\n", "a"),
        (LAUGHS, "too many"),
        (b"name: " + b"x" * 1_000_001, "at most 1,000,000"),
        (b"[" * 5000, "orders.yaml"),
    ],
)
def test_a_file_that_is_no_pipeline_says_why(pipeline, text, said):
    assert said in refused(pipeline(text))


def test_a_file_that_is_not_there_says_what_is(pipeline, tmp_path):
    pipeline(MINIMAL)
    assert "Did you mean 'orders.yaml'?" in refused(tmp_path / "order.yaml")
    assert "is a folder, not a pipeline; available: orders.yaml" in refused(tmp_path)
    assert "no folder" in refused(tmp_path / "nowhere" / "orders.yaml")


def test_secrets_are_in_no_message_and_no_picture_of_the_spec(pipeline):
    spec = load_pipeline(pipeline(GOOD.replace("goal:\n", "")))
    for shown in (repr(spec), str(spec), f"{spec}", str(spec.to_public())):
        assert "s3cret" not in shown
    assert "s3cret" not in refused(pipeline(GOOD.replace("mode: replace", "mode: postgresql://ann:s3cret@db")))


def test_a_variable_is_not_resolved_before_it_is_used(pipeline, monkeypatch, tmp_path):
    monkeypatch.setenv("PW", "from-the-environment")
    spec = load_pipeline(pipeline(GOOD.replace("goal:\n", "")))
    write_opened(spec, tmp_path / "run" / "spec.json")
    kept = (tmp_path / "run" / "spec.json").read_text()
    assert "from-the-environment" not in kept
    assert "${PW}" in kept


def test_an_opened_spec_is_the_same_again(pipeline, tmp_path):
    spec = load_pipeline(pipeline(GOOD.replace("goal:\n", "")))
    write_opened(spec, tmp_path / "spec.json")
    assert read_opened(tmp_path / "spec.json") == spec


def test_parameters_can_be_given_from_outside(pipeline):
    file = pipeline(GOOD.replace("goal:\n", ""))
    assert load_pipeline(file, {"day": "2026-05-05"}).source.path == "data/2026-05-05.csv"


def test_settings_of_kinds_are_checked(pipeline):
    told = refused(pipeline(MINIMAL + "settings:\n  missing_valeu: {}\n"))
    assert told.startswith("orders.yaml:5: settings.missing_valeu: unknown issue kind 'missing_valeu'")
    assert "Did you mean 'missing_value'?" in told
    told = refused(pipeline(MINIMAL + "settings:\n  missing_value:\n    treshold: 2\n"))
    assert "orders.yaml:5: settings.missing_value: " in told
    assert "treshold" in told
    muted = MINIMAL + "settings:\n  missing_value:\n    mute: [{column: note, reason: optional, until: 2027-01-01}]\n"
    assert load_pipeline(pipeline(muted)).settings["missing_value"]["mute"][0]["column"] == "note"


@pytest.mark.parametrize("name", ["orders.csv", "Orders 2026.csv.gz", "orders.parquet", "orders.tsv.zst"])
def test_a_bare_file_is_a_pipeline_with_a_database_beside_it(tmp_path, name):
    (tmp_path / name).touch()
    spec = load_or_default(tmp_path / name)
    stem = slug(name.split(".")[0])
    assert (spec.name, spec.source.path, spec.base()) == (stem, name, tmp_path)
    assert spec.destination.url == f"sqlite:///{tmp_path}/{stem}.gonogo.db"
    assert (spec.destination.table, spec.destination.mode) == (stem.replace("-", "_"), "replace")
    assert spec.gates.quality.ask == spec.gates.load.ask == "always"
    assert PipelineSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_bare_file_that_is_not_there_says_what_is(tmp_path):
    (tmp_path / "orders.csv").touch()
    with pytest.raises(SpecError, match=r"Did you mean 'orders\.csv'"):
        default_pipeline(tmp_path / "order.csv")


def test_a_folder_and_a_pattern_are_pipelines_too(tmp_path):
    assert default_pipeline(tmp_path).source.path == tmp_path.name
    assert default_pipeline(tmp_path / "*.csv").source.path == "*.csv"


@pytest.mark.parametrize(
    ("cron", "good"),
    [
        ("* * * * *", True),
        ("*/15 0-6,12 1 jan-mar sun", True),
        ("0 0 31 12 7", True),
        ("0 24 * * *", False),
        ("0 0 0 * *", False),
        ("5-1 * * * *", False),
        ("*/0 * * * *", False),
        ("a * * * *", False),
        ("1-2-3 * * * *", False),
        ("@daily", False),
        ("0 0 * * * *", False),
    ],
)
def test_a_cron_line_is_checked(pipeline, cron, good):
    file = pipeline(MINIMAL + f"schedule: {{cron: '{cron}'}}\n")
    assert (load_pipeline(file).schedule.cron == cron) if good else ("schedule.cron" in refused(file))


@given(days=st.integers(0, 400), hours=st.integers(0, 99), minutes=st.integers(1, 99))
def test_lengths_of_time_add_up(days, hours, minutes):
    assert duration(f"{days}d {hours}h{minutes}m") == dt.timedelta(days=days, hours=hours, minutes=minutes)


@given(st.text())
def test_a_slug_is_always_a_name(text):
    assert PipelineSpec.model_fields["name"].metadata
    assert all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in slug(text))
    assert slug(text).strip("-") == slug(text) != ""


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_never_crash(tmp_path_factory, raw):
    file: Path = tmp_path_factory.mktemp("spec") / "orders.yaml"
    file.write_bytes(raw)
    with pytest.raises(SpecError):
        load_pipeline(file)


def test_editors_get_a_schema():
    schema = editor_schema()
    assert {"name", "source", "destination"} <= set(schema["required"])
    assert "folder" not in schema["properties"]
