"""Mappings: what becomes of a foreign value, and what a file that cannot work is told."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from noc_platform.errors import BadMapping
from noc_platform.streams.files import ROW_NUMBER
from noc_platform.streams.mapping import Mapping
from noc_platform.streams.mapping_file import Condition, Hash, Lookup, MappingFile, Rule, Written
from noc_platform.streams.units import BY_NAME, UNITS, conversion

DOCUMENT = Path(__file__).parents[2] / "docs" / "mappings.md"
ZONES = ("Europe/Athens", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "UTC")
PEOPLE = 'stream = "people"\n[columns]\nperson_id = "id"\nname = "id"\n'
FIXES = 'stream = "location_updates"\n[columns]\nperson_id = "who"\n'

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str) -> Path:
        path = tmp_path / "mapping.toml"
        path.write_text(content, encoding="utf-8")
        return path

    return write


def table(**columns: Sequence[object]) -> pa.Table:
    rows = len(next(iter(columns.values())))
    return pa.table({**columns, ROW_NUMBER: pa.array(range(1, rows + 1), pa.int64())})


def mapped(path: Path, rows: pa.Table, column: str) -> list[object]:
    return list(Mapping.load(path).apply(rows, path.parent)[column].to_pylist())


def role(write: Write, rule: str, values: list[str | None]) -> list[object]:
    """What a rule makes of `values` in the text column `role`."""
    return mapped(write(PEOPLE + f"role = {rule}\n"), table(id=["p"] * len(values), v=list(values)), "role")


def times(write: Write, rule: str, values: list[str]) -> list[datetime | str]:
    path = write(FIXES + f"occurred_at = {{ from = 'when', {rule} }}\n")
    found = mapped(path, table(who=["p"] * len(values), when=list(values)), "occurred_at")
    return [as_instant(str(value)) for value in found]


def as_instant(value: str) -> datetime | str:
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        return value


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ('"v"', " guard ", "guard"),
        ('"v"', "N/A", None),
        ('{ constant = "guard" }', "x", "guard"),
        ("{ constant = true }", "x", "true"),
        ('{ template = "{id}: {v}" }', "x", "p: x"),
        ('{ template = "{id}: {v}" }', " ", None),
        ('{ template = "it\'s {v}" }', "o'clock", "it's o'clock"),
        ("""{ from = "v", extract = '^[a-z]+' }""", "pyoung001", "pyoung"),
        ("""{ from = "v", extract = '(\\d{3})$' }""", "pyoung001", "001"),
        ("""{ from = "v", extract = '\\d+' }""", "none here", None),
        ('{ from = "v", case = "upper" }', "Abc", "ABC"),
        ('{ from = "v", case = "slug" }', " Katerina’s Café! ", "katerina-s-cafe"),
        ('{ from = "v", case = "compact" }', "Sanjorge Jr.", "sanjorgejr"),
        ('{ from = "v", values = { Outgoing = "out" } }', "outgoing", "out"),
        ('{ from = "v", values = { Outgoing = "out" } }', "Missed", "Missed"),
        ('{ from = "v", values = { Outgoing = "out" }, otherwise = "other {v}" }', "Missed", "other Missed"),
        ('{ from = "v", values = { Outgoing = "out" }, otherwise = "other" }', "", None),
        ('{ from = "v", values = { none = "nobody" } }', "None", "nobody"),
        ('{ from = "v", default = "guard" }', "-", "guard"),
        ('{ from = ["nickname", "v"] }', "x", "x"),
        ('{ from = ["v", "id"] }', "unknown", "p"),
        ('{ from = "nickname", optional = true }', "x", None),
    ],
)
def test_what_becomes_of_a_text(write: Write, rule: str, value: str, expected: str | None) -> None:
    assert role(write, rule, [value]) == [expected]


def test_a_hash_is_stable_salted_and_never_the_value(write: Write) -> None:
    one, other, same, absent = role(write, '{ from = "v", hash = { salt = "first salt" } }', ["4", "17", "4", None])
    assert one == same != other
    assert absent is None
    assert len(str(one)) == 32
    assert role(write, '{ from = "v", hash = { salt = "other salt" } }', ["4"]) != [one]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30))
@examples(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("'; drop table x --")
def test_what_a_mapping_says_is_never_run(write: Write, said: str) -> None:
    word = "".join(f"\\U{ord(each):08x}" for each in f"<{said}>")
    assert role(write, f'{{ constant = "{word}" }}', ["x"]) == [f"<{said}>"]
    found = role(write, f'{{ from = "v", values = {{ "{word}" = "found" }}, otherwise = "lost" }}', [f"<{said}>"])
    # Lower case differs between languages for a few letters ("İ"); what is found or not must still be one of the two.
    assert found in (["found"], ["lost"])
    assert found == ["found"] or not said.isascii()


@given(
    zone=st.sampled_from(ZONES),
    wall=st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - a clock on the wall
)
@example(zone="Europe/Athens", wall=datetime(2016, 3, 27, 3, 30))  # noqa: DTZ001 - never came
@example(zone="Europe/Athens", wall=datetime(2016, 10, 30, 3, 30))  # noqa: DTZ001 - came twice
@example(zone="Australia/Lord_Howe", wall=datetime(2016, 4, 3, 1, 45))  # noqa: DTZ001 - half an hour twice
@example(zone="America/Sao_Paulo", wall=datetime(2016, 10, 16, 0, 0))  # noqa: DTZ001 - midnight never came
@examples(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_wall_clock_is_read_as_zoneinfo_reads_it(write: Write, zone: str, wall: datetime) -> None:
    expected = wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
    assert times(write, f'time_zone = "{zone}"', [wall.isoformat(" ")]) == [expected]


@pytest.mark.parametrize(
    ("rule", "written", "expected"),
    [
        ('time_zone = "Europe/Athens"', "2016-10-30 03:30:00", "2016-10-30T00:30:00+00:00"),
        ('time_zone = "Europe/Athens"', "2016-03-27 03:30:00", "2016-03-27T01:30:00+00:00"),
        ('time_zone = "Europe/Athens"', "2016-07-01T10:00:00+05:30", "2016-07-01T04:30:00+00:00"),
        ('time_zone = "Europe/Athens"', "2016-07-01T10:00:00Z", "2016-07-01T10:00:00+00:00"),
        ('time_zone = "Europe/Athens"', "2016-07-01", "2016-06-30T21:00:00+00:00"),
        ('time_zone = "Europe/Athens", format = "%m/%d/%Y %H:%M"', "1/6/2014 7:28", "2014-01-06T05:28:00+00:00"),
        ('time_zone = "UTC", format = ["%Y/%m/%d", "%d.%m.%Y"]', "31.5.2016", "2016-05-31T00:00:00+00:00"),
        ('format = "%d/%b/%Y:%H:%M:%S %z"', "31/May/2016:10:00:00 +0200", "2016-05-31T08:00:00+00:00"),
        ('epoch = "seconds"', "1464681600", "2016-05-31T08:00:00+00:00"),
        ('epoch = "milliseconds"', "1464681600500", "2016-05-31T08:00:00.500000+00:00"),
    ],
)
def test_times(write: Write, rule: str, written: str, expected: str) -> None:
    assert times(write, rule, [written]) == [datetime.fromisoformat(expected)]


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        # Read by the door it would be taken for UTC.
        ('time_zone = "Europe/Athens", format = "%m/%d/%Y"', "2016-05-31 10:00:00"),
        ('time_zone = "Europe/Athens"', "2016-05-31 10:00:00 Mars/Base"),
        ('time_zone = "Europe/Athens"', "2016-02-30 10:00:00"),
        ('epoch = "seconds"', "1e300"),
        ('epoch = "seconds"', "soon"),
    ],
)
def test_a_time_that_is_not_as_mapped_stays_to_be_refused(write: Write, rule: str, written: str) -> None:
    assert times(write, rule, [written]) == [f"{written} (not in the mapped format)"]


def test_typed_times_are_read_on_the_sources_clock(write: Write) -> None:
    wall = datetime(2016, 7, 1, 10, 0)  # noqa: DTZ001 - a clock on the wall
    path = write(FIXES + 'occurred_at = { from = "when", time_zone = "Europe/Athens" }\n')
    naive = pa.array([wall, None], pa.timestamp("ns"))
    aware = pa.array([wall.replace(tzinfo=UTC), None], pa.timestamp("us", tz="UTC"))
    found = mapped(path, table(who=["p", "q"], when=naive), "occurred_at")
    assert [None if each is None else as_instant(str(each)) for each in found] == [
        wall.replace(tzinfo=UTC) - timedelta(hours=3),
        None,
    ]
    assert mapped(path, table(who=["p", "q"], when=aware), "occurred_at") == [wall.replace(tzinfo=UTC), None]


def test_a_day_is_the_day_on_the_sources_calendar(write: Write) -> None:
    rule = 'stream = "attendance_events"\n[columns]\nattendance_id = "id"\nperson_id = "id"\n'
    rule += 'punched_in_at = { from = "v", epoch = "seconds" }\n'
    rule += 'roster_date = { from = "v", epoch = "seconds", time_zone = "Asia/Kolkata" }\n'
    path = write(rule)
    assert mapped(path, table(id=["a"], v=["1464724800"]), "roster_date") == ["2016-06-01"]


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1500, "ms", "seconds", 1.5),
        (100, "F", "C", 340 / 9),
        (-40, "F", "C", -40),
        (0, "C", "K", 273.15),
        (36, "km/h", "m/s", 10),
        (60, "mph", "km/h", 96.56064),
        (10, "feet", "metres", 3.048),
        (1, "miles", "metres", 1609.344),
        (0.85, "fraction", "percent", 85),
        (85, "percent", "0 to 1", 0.85),
        (360480400, "degrees e7", "degrees", 36.04804),
    ],
)
def test_units(value: float, source: str, target: str, expected: float) -> None:
    how = conversion(source, target)
    assert (value * how.factor + how.offset) / how.divisor == pytest.approx(expected, abs=1e-12)


@given(st.data(), st.floats(-1e6, 1e6))
def test_there_and_back_is_the_same_number(data: st.DataObject, value: float) -> None:
    source = data.draw(st.sampled_from(UNITS))
    target = data.draw(st.sampled_from([unit for unit in UNITS if unit.dimension == source.dimension]))
    there, back = conversion(source.names[0], target.names[0]), conversion(target.names[0], source.names[0])
    converted = (value * there.factor + there.offset) / there.divisor
    assert (converted * back.factor + back.offset) / back.divisor == pytest.approx(value, rel=1e-9, abs=1e-6)


def test_numbers_arrive_in_the_declared_unit(write: Write) -> None:
    path = write(
        FIXES + 'accuracy_meters = { from = "acc", unit = "feet" }\noccurred_at = { from = "t", epoch = "seconds" }\n'
    )
    texts = table(who=["p"] * 4, t=["1464681600"] * 4, acc=["100", "-", "wide", " 1e3 "])
    assert mapped(path, texts, "accuracy_meters") == ["30.48", None, "wide", "304.8"]
    typed = table(who=["p"] * 2, t=["1464681600"] * 2, acc=pa.array([100.0, None]))
    assert [value and float(str(value)) for value in mapped(path, typed, "accuracy_meters")] == [30.48, None]


def test_typed_columns_keep_their_type(write: Write) -> None:
    path = write(FIXES + 'latitude = "lat"\noccurred_at = { constant = "2016-01-01T00:00:00Z" }\n')
    rows = Mapping.load(path).apply(table(who=["p"], lat=pa.array([36.5])))
    assert rows.schema.field("latitude").type == pa.float64()
    assert rows["latitude"].to_pylist() == [36.5]


LOOKED_UP = '{ from = "v", lookup = { file = "cars.csv", key = "CarID", value = "{First} {Last}"%s } }'


@pytest.mark.parametrize(
    ("otherwise", "expected"),
    [("", ["Lars Azada", None, None]), (', otherwise = "car-{v}"', ["Lars Azada", "car-101", None])],
)
def test_lookups(write: Write, tmp_path: Path, otherwise: str, expected: list[str | None]) -> None:
    (tmp_path / "cars.csv").write_text("Last,First,CarID\nAzada,Lars,2\nNant,Irene,\nMies,Henk,\n", encoding="utf-8")
    assert role(write, LOOKED_UP % otherwise, ["2", "101", None]) == expected


def test_a_lookup_is_sought_beside_the_data_first(write: Write, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "cars.csv").write_text("Last,First,CarID\nAzada,Lars,2\n", encoding="utf-8")
    path = write(PEOPLE + f"role = {LOOKED_UP % ''}\n")
    (tmp_path / "cars.csv").write_text("Last,First,CarID\nOther,One,2\n", encoding="utf-8")
    rows = table(id=["p"], v=["2"])
    assert Mapping.load(path).apply(rows, data)["role"].to_pylist() == ["Lars Azada"]
    assert Mapping.load(path).apply(rows)["role"].to_pylist() == ["One Other"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "columns.role.lookup.file: there is no"),
        ("Last,First,Car\nA,B,2\n", "has no column 'CarID'; it has Last, First, Car"),
        ("Last,First,CarID\nA,B,2\nC,D,2\n", "gives '2' both as 'B A' and as 'D C'; keep one"),
        ("Last,First,CarID\nA,2\n", "row 1 of"),
    ],
)
def test_a_lookup_that_cannot_be_trusted_is_refused(
    write: Write, tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "cars.csv").write_text(content, encoding="utf-8")
    with pytest.raises(BadMapping, match=r"mapping\.toml") as refused:
        role(write, LOOKED_UP % "", ["2"])
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ('is = ">", value = 2.0', ["2.1", "10", "odd"]),
        ('is = "<=", value = 2', ["2", "-3", "odd"]),
        ('is = "=", value = 10', ["10"]),
        ('is = "=", value = "odd"', ["odd"]),
        ('is = "!=", value = "odd"', ["2.1", "10", "2", "-3", None]),
        ('is = "in", value = ["2", "10"]', ["10", "2"]),
        ('is = "not in", value = [2, 10]', ["2.1", "-3", "odd", None]),
        ("""is = "matches", value = '^\\d+$'""", ["10", "2"]),
        ('is = "present"', ["2.1", "10", "2", "-3", "odd"]),
        ('is = "absent"', [None]),
    ],
)
def test_which_rows_are_taken(write: Write, condition: str, taken: list[str | None]) -> None:
    path = write(PEOPLE + f'role = "v"\n[[where]]\ncolumn = "v"\n{condition.replace(", value", chr(10) + "value")}\n')
    values: list[object] = ["2.1", "10", "2", "-3", "odd", ""]
    rows = Mapping.load(path).apply(table(id=["p"] * 6, v=values))
    assert rows["role"].to_pylist() == taken
    assert [values[number - 1] or None for number in rows[ROW_NUMBER].to_pylist()] == taken


def test_parts_and_headers(write: Write) -> None:
    path = write(
        PEOPLE
        + "role = { template = '{zone}/{card}' }\n"
        + "[headers]\nreading = ': Hazium'\n"
        + "[parts]\nzone = { header = 'reading', extract = '^[^:]+' }\ncard = { from = 'id', extract = '\\d+' }\n"
        + "[[where]]\ncolumn = 'reading'\nis = '>'\nvalue = 1\n"
    )
    rows = table(id=["p001", "q002"], **{"F_1: Hazium Concentration": ["0", "2"]})
    assert mapped(path, rows, "role") == ["F_1/002"]


def test_columns_that_differ_in_case_alone_stay_apart(write: Write) -> None:
    path = write(PEOPLE + "role = { template = '{v}{V}{w}' }\n[parts]\nw = { constant = 'part' }\n")
    assert mapped(path, table(id=["p"], v=["small"], V=["LARGE"], W=["other"]), "role") == ["smallLARGEpart"]


def test_a_batch_of_nothing_but_malformed_lines_misses_no_column(write: Write) -> None:
    empty = pa.table({ROW_NUMBER: pa.array([], pa.int64())})
    assert Mapping.load(write(PEOPLE)).apply(empty).num_rows == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("stream = ", "not TOML"),
        ('[columns]\nname = "n"\n', "stream: required, but absent"),
        ('stream = "persons"\n[columns]\nname = "n"\n', "stream: No stream is called 'persons'"),
        ('stream = "people"\n', "columns: required, but absent"),
        ('stream = "people"\n[columns]\nname = "n"\n', "columns.person_id: people requires it"),
        (FIXES, "columns.occurred_at: location_updates requires it"),
        (PEOPLE + 'rolle = "v"\n', "columns.rolle: people has no such column; did you mean role?"),
        (PEOPLE + 'role = { form = "v" }\n', "columns.role.form: there is no such key; did you mean format or from"),
        (PEOPLE + "role = {}\n", "columns.role: say where the value comes from, once"),
        (PEOPLE + 'role = { from = "v", constant = "w" }\n', "columns.role: say where the value comes from, once"),
        (PEOPLE + "role = 3\n", "columns.role: "),
        (PEOPLE + 'role = { from = "v", case = "title" }\n', "columns.role.case: "),
        (PEOPLE + 'role = { from = "v", otherwise = "x" }\n', "there is no `values`"),
        (PEOPLE + 'role = { from = "v", extract = "(" }\n', "columns.role.extract: not a regular expression"),
        (PEOPLE + 'role = { from = "v", extract = "(?=a)" }\n', "without look-around"),
        (PEOPLE + 'role = { from = "v", extract = "(a)(b)" }\n', "has 2 groups"),
        (PEOPLE + 'role = { from = "v", unit = "feet" }\n', "columns.role: it holds text, not a number"),
        (PEOPLE + 'role = { from = "v", hash = { salt = "short" } }\n', "columns.role.hash.salt: "),
        (PEOPLE + 'role = { from = "v", time_zone = "UTC" }\n', "columns.role: it holds text, not a time"),
        (PEOPLE + '[format]\nencoding = "cp-1252x"\n', "format.encoding: no encoding is called"),
        (PEOPLE + '[format]\ndelimiter = "||"\n', "format.delimiter: "),
        (PEOPLE + '[[where]]\ncolumn = "v"\nis = ">"\nvalue = "2"\n', "where.0: '>' takes a number"),
        (PEOPLE + '[[where]]\ncolumn = "v"\nis = "above"\nvalue = 2\n', "where.0.is: "),
        (FIXES + 'occurred_at = "when"\n', "columns.occurred_at: whose clock is it?"),
        (FIXES + 'occurred_at = { from = "when", time_zone = "Europe/Athen" }\n', "did you mean Europe/Athens"),
        (FIXES + 'occurred_at = { from = "w", time_zone = "UTC", format = "%Q" }\n', "not a time format"),
        (FIXES + 'occurred_at = { from = "w", format = "%Y %Z" }\n', "names of zones (%Z) are ambiguous"),
        (
            FIXES + 'accuracy_meters = { from = "a", unit = "furlong" }\n',
            "no unit is called 'furlong'; known are metres",
        ),
        (FIXES + 'accuracy_meters = { from = "a", unit = "mph" }\n', "'mph' is a speed and 'metres' a length"),
        (
            FIXES + 'accuracy_meters = { from = "a", unit = "feet", into = "km" }\n',
            "it is kept in metres; leave out into",
        ),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_with_file_key_and_remedy(
    write: Write, content: str, message: str
) -> None:
    with pytest.raises(BadMapping) as refused:
        Mapping.load(write(content))
    assert message in str(refused.value)
    assert "mapping.toml" in str(refused.value)


def test_no_such_mapping_file(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match="cannot be read"):
        Mapping.load(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('role = "Rolle"\n', "columns.role: there is no column 'Rolle'; the file has id, v"),
        ('role = { template = "{Rolle}" }\n', "columns.role: there is no column 'Rolle'"),
        ('role = { from = ["a", "b"] }\n', "there is no column 'a' or 'b'"),
        ('[[where]]\ncolumn = "w"\nis = "present"\n', "where[0].column: there is no column 'w'"),
        ("[headers]\nh = 'x$'\n", "headers.h: no column matches 'x$'; the file has id, v"),
        ("[headers]\nh = '.'\n", "headers.h: 2 columns match '.'"),
        ('[parts]\nv = "id"\n', "parts.v: the file has a column of that name"),
        ('role = { header = "h" }\n', "columns.role.header: 'h' is not under [headers]"),
    ],
)
def test_a_column_the_file_lacks_is_named_with_those_it_has(write: Write, more: str, message: str) -> None:
    with pytest.raises(BadMapping) as refused:
        Mapping.load(write(PEOPLE + more)).apply(table(id=["p"], v=["x"]))
    assert message in str(refused.value)


@pytest.mark.parametrize("model", [MappingFile, Written, Rule, Lookup, Hash, Condition])
def test_every_key_and_unit_is_documented(model: type) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    for name, field in model.model_fields.items():  # type: ignore[attr-defined]  # each is a pydantic model
        assert f"`{field.alias or name}`" in document, f"docs/mappings.md does not explain {field.alias or name}"
    assert all(f"`{name}`" in document for name in BY_NAME)


def test_the_worked_example_works(write: Write, tmp_path: Path) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    mapping, source, staff = (
        document.split(f"```{kind}\n")[1].split("```")[0] for kind in ("toml", "csv", "csv staff")
    )
    (tmp_path / "staff.csv").write_text(staff, encoding="utf-8")
    header, *lines = (line.split(";") for line in source.splitlines())
    rows = table(**{name.strip(): [line[i].strip() for line in lines] for i, name in enumerate(header)})
    found = Mapping.load(write(mapping)).apply(rows, tmp_path).to_pylist()
    assert [row["person_id"] for row in found] == ["ada-campo", "badge-B9"]
    assert found[0]["accuracy_meters"] == "30.48"
    assert as_instant(found[0]["occurred_at"]) == datetime(2026, 3, 1, 6, tzinfo=UTC)
