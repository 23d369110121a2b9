"""Duplicate rows, duplicate keys, sources in conflict and near-duplicate records, and what is done about them."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.engine import Engine
from tasks.quality import duplicates, records
from tasks.quality.contract import Contract
from tasks.quality.duplicates import KeepLatest, KeepOne, Merge, Survivorship, Trust, Vote
from tasks.quality.errors import AnswerError
from tasks.quality.model import ROW, CellWrites, Dataset, Dimension, Disposition, Issue, RowExits, Severity
from tasks.quality.registry import Settings, find_kind, kinds, remedies
from tests.quality import opened

KINDS = ("exact_duplicate_rows", "key_duplicates", "conflicting_sources", "near_duplicate_records")


def dataset(columns, rows, key=()) -> Dataset:
    values = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    return opened.dataset(Engine().connect(), values, Contract(key=tuple(key)))


def found(data, name, **changed):
    kind = find_kind(name)
    return list(kind.detect(data, Settings(kind.settings(**changed))))


def suspects(finding):
    cells = finding.cells.to_pyarrow().to_pylist()
    assert len(cells) == finding.count
    return sorted((c[ROW], c["column"]) if finding.unit == "cell" else c[ROW] for c in cells)


def issue_of(finding, name="x") -> Issue:
    return Issue(
        id="x",
        kind=name,
        module="duplicates",
        dimension=Dimension.UNIQUENESS,
        severity=finding.severity,
        columns=finding.columns,
        count=finding.count,
        checked=finding.checked,
        unit=finding.unit,
        title=finding.title,
        why=finding.why,
        sql="",
        facts=finding.facts,
    )


def options(data, name):
    (finding,) = found(data, name)
    return {option.key: option for option in find_kind(name).recommend(data, issue_of(finding, name))}


def applied(data, effects):
    """The rows that remain by position, and where the others went."""
    rows = {row[ROW]: {c: row[c] for c in data.columns} for row in data.table.to_pyarrow().to_pylist()}
    gone = {}
    for effect in effects:
        if isinstance(effect, CellWrites):
            written = effect.values.to_pyarrow()
            assert written.column_names == [ROW, "after"]
            for change in written.to_pylist():
                rows[change[ROW]][effect.column] = change["after"]
        else:
            assert isinstance(effect, RowExits)
            exits = effect.rows.to_pyarrow().to_pylist()
            gone |= {leaving[ROW]: (effect.disposition, leaving["into"]) for leaving in exits}
            assert len({leaving[ROW] for leaving in exits}) == len(exits)
    assert set(gone) <= set(rows)
    assert not {into for _, into in gone.values()} & set(gone)
    return {row: values for row, values in rows.items() if row not in gone}, gone


def contents(rows):
    return sorted(tuple(v or "" for v in row.values()) for row in rows.values())


def orders(count=60):
    return [
        (f"2024-01-{1 + i % 28:02}", f"customer {i * 7 % 41}", f"product {i * 11 % 53}", str(10 + i * 13 % 59))
        for i in range(count)
    ]


ORDER = ("day", "customer", "product", "amount")
NOTHING = None  # these remedies take all they need from their parameters, nothing from the issue


# --- exact duplicates ---


def test_extra_copies_are_suspect_and_the_first_is_not():
    rows = orders()
    data = dataset(ORDER, [*rows, rows[3], rows[3], rows[9]])
    (finding,) = found(data, "exact_duplicate_rows")

    assert suspects(finding) == [60, 61, 62]
    assert finding.title == "3 rows repeat an earlier row exactly (4.7%)"
    assert finding.severity is Severity.HIGH
    assert options(data, "exact_duplicate_rows")["keep-first"].safe


def test_rows_with_equal_gaps_are_copies():
    rows = [(*row, None) for row in orders()]
    data = dataset((*ORDER, "note"), [*rows, rows[5]])

    assert [suspects(f) for f in found(data, "exact_duplicate_rows")] == [[60]]


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (("colour",), [(c,) for c in ["red", "blue"] * 30]),
        (("q1", "q2", "q3"), [(str(i % 2), str(i % 3), str(i % 5)) for i in range(200)]),
        (("id", "name"), [(str(i), "same") for i in range(50)]),
    ],
    ids=["one column", "survey answers", "numbered rows"],
)
def test_repetition_that_chance_explains_is_no_issue(columns, rows):
    assert not found(dataset(columns, rows), "exact_duplicate_rows")


def test_repetition_that_chance_might_explain_is_shown_but_nothing_is_recommended():
    rows = [(f"a{i % 30}", f"b{i * 7 % 31}", f"c{i % 5}") for i in range(150)] + [("a1", "b7", "c1")] * 8
    data = dataset(("a", "b", "c"), rows)
    (finding,) = found(data, "exact_duplicate_rows", safe_chance=0)

    assert finding.severity is Severity.INFO


def test_of_many_copies_none_is_recommended_to_go():
    rows = orders()
    for copies, safe in ((5, True), (20, False)):
        data = dataset(ORDER, [*rows, *rows[:copies]])
        (finding,) = found(data, "exact_duplicate_rows")
        assert "next to none" in finding.why
        assert options(data, "exact_duplicate_rows")["keep-first"].safe is safe


def test_copies_leave_into_the_row_that_is_kept():
    rows = orders()
    data = dataset(ORDER, [*rows, rows[3], rows[3]])

    _, first = applied(data, duplicates.keep_first(data, NOTHING, KeepOne()))
    _, last = applied(data, duplicates.keep_last(data, NOTHING, KeepOne()))

    assert first == {60: (Disposition.DROPPED, 3), 61: (Disposition.DROPPED, 3)}
    assert last == {3: (Disposition.DROPPED, 61), 60: (Disposition.DROPPED, 61)}


# --- key duplicates ---


def keyed():
    rows = [(f"O{i}", *row) for i, row in enumerate(orders())]
    return [*rows, ("O7", "2024-02-20", *rows[7][2:]), ("O9", *rows[9][1:4], "99")]


def test_all_rows_of_a_contracts_key_in_conflict_are_suspect():
    data = dataset(("order", *ORDER), keyed(), key=["order"])
    (finding,) = found(data, "key_duplicates")

    assert suspects(finding) == [7, 9, 60, 61]
    assert finding.facts == {"key": ["order"], "mined": False, "formatting_only": False}
    assert not any(option.safe for option in options(data, "key_duplicates").values())


def test_a_key_is_mined_from_repeats_that_agree_almost_everywhere():
    (finding,) = found(dataset(("order", *ORDER), keyed()), "key_duplicates")

    assert finding.columns == ("order",)
    assert finding.facts["mined"]
    assert suspects(finding) == [7, 9, 60, 61]


def test_a_key_of_two_columns_is_mined():
    pick = random.Random(1).choice
    rows = [(f"s{i // 20}", f"d{i % 20}", *(f"{c}{pick(range(9))}" for c in "vwx")) for i in range(400)]
    data = dataset(("station", "day", "v", "w", "x"), [*rows, (*rows[5][:4], "other")])
    (finding,) = found(data, "key_duplicates")

    assert finding.columns == ("station", "day")
    assert suspects(finding) == [5, 400]


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (("id", "name", "town"), [(str(3 * i), f"n{i % 98}", f"t{i * 7 % 31}") for i in range(100)]),
        (("name", "town", "age"), [(f"n{i % 98}", f"t{i * 7 % 31}", str(i * 5 % 67)) for i in range(100)]),
    ],
    ids=["another column tells rows apart", "namesakes who differ elsewhere"],
)
def test_equal_names_are_no_key_duplicates(columns, rows):
    assert not found(dataset(columns, rows), "key_duplicates")


def test_exact_copies_and_missing_keys_are_left_to_other_kinds():
    rows = [(f"O{i}", *row) for i, row in enumerate(orders())]
    data = dataset(("order", *ORDER), [*rows, rows[3], (None, *rows[4][1:]), (" ", *rows[5][1:])], key=["order"])

    assert not found(data, "key_duplicates")


def test_rows_that_differ_in_case_and_spaces_only_are_merged_safely():
    rows = [(f"O{i}", *row) for i, row in enumerate(orders())]
    data = dataset(("order", *ORDER), [*rows, ("O3", rows[3][1], "  CUSTOMER   21 ", *rows[3][3:])], key=["order"])

    assert options(data, "key_duplicates")["survivorship"].safe


def test_a_contract_key_that_is_not_in_the_table_says_what_is():
    with pytest.raises(AnswerError, match=r"no column 'ordre'.*Did you mean 'order'"):
        found(dataset(("order", *ORDER), keyed(), key=["ordre"]), "key_duplicates")


def test_the_latest_row_of_a_key_is_kept():
    data = dataset(("order", *ORDER), keyed(), key=["order"])
    option = options(data, "key_duplicates")["keep-latest"]
    assert option.parameters == {"columns": ["order"], "order": "day"}

    _, gone = applied(data, duplicates.keep_latest(data, NOTHING, KeepLatest(columns=["order"], order="day")))
    assert gone == {7: (Disposition.DROPPED, 60), 9: (Disposition.DROPPED, 61)}


def test_numbers_are_ordered_as_numbers():
    data = dataset(("k", "n"), [("a", "10"), ("a", "9"), ("b", "1")])
    kept, _ = applied(data, duplicates.keep_latest(data, NOTHING, KeepLatest(columns=["k"], order="n")))

    assert contents(kept) == [("a", "10"), ("b", "1")]


@pytest.mark.parametrize(
    ("rule", "survivor"),
    [("most_frequent", "9"), ("longest", "100"), ("first", "100"), ("last", "10"), ("max", "100"), ("min", "9")],
)
def test_a_rule_says_which_value_survives(rule, survivor):
    data = dataset(("k", "v"), [("a", "100"), ("a", "9"), ("a", "9"), ("a", None), ("a", "10"), ("b", "1")])
    kept, gone = applied(data, duplicates.survivorship(data, NOTHING, Survivorship(columns=["k"], rules={"v": rule})))

    assert kept[0] == {"k": "a", "v": survivor}
    assert gone == dict.fromkeys((1, 2, 3, 4), (Disposition.MERGED, 0))


def test_a_survivor_gains_what_only_the_others_knew():
    data = dataset(("k", "phone", "mail"), [("a", None, "m"), ("a", "123", " "), ("b", "", "")])
    kept, _ = applied(data, duplicates.survivorship(data, NOTHING, Survivorship(columns=["k"])))

    assert contents(kept) == [("a", "123", "m"), ("b", "", "")]


# --- conflicting sources ---


def reports(wrong=()):
    """Six sources on twenty items; `wrong` are (source, item) that say something else of the price."""
    return [
        (f"source {chr(97 + s)}", f"item {i}", "999" if (s, i) in wrong else str(100 + i * 7), f"maker {i % 13}")
        for s in range(6)
        for i in range(20)
    ]


REPORT = ("site", "item", "price", "maker")


def test_cells_that_most_sources_contradict_are_suspect():
    data = dataset(REPORT, reports({(2, 5), (4, 5), (1, 9)}))
    (finding,) = found(data, "conflicting_sources")

    assert suspects(finding) == [(29, "price"), (45, "price"), (85, "price")]
    assert (finding.facts["entity"], finding.facts["source"], finding.facts["described"]) == ("item", "site", ["price"])


@pytest.mark.parametrize(
    "rows",
    [
        reports(),
        [(f"c{i}", f"year {y}", str(i * 37 + y * 101), str(i * y)) for i in range(20) for y in range(6)],
        [(f"shop {s}", f"item {i}", str(i * 10), str((i * 31 + s * 17) % 97)) for s in range(6) for i in range(20)],
        [
            (f"2024-{m:02}", f"staff {i}", str(3000 + i + 300 * (i == 4 and m > 10)), f"{'ab'[i % 2]}")
            for m in range(7, 13)
            for i in range(20)
        ],
        [
            (m, f"staff {i}", str(3000 + i + 300 * (i == 4 and m == "June")), f"{'ab'[i % 2]}")
            for m in ("January", "February", "March", "April", "May", "June")
            for i in range(20)
        ],
    ],
    ids=["sources that agree", "a panel", "a stock list", "a payroll", "months by name"],
)
def test_tables_that_only_look_like_several_sources_are_left_alone(rows):
    assert not found(dataset(REPORT, rows), "conflicting_sources")


def test_a_vote_writes_the_majority_fills_gaps_and_leaves_ties_alone():
    rows = [
        ("a", "x", "1"), ("b", "x", "1"), ("c", "x", "2"), ("d", "x", None),
        ("a", "y", "1"), ("b", "y", "2"),
        ("a", "z", "7"), ("b", "z", None),
    ]  # fmt: skip
    data = dataset(("source", "entity", "v"), rows)
    kept, gone = applied(data, duplicates.vote(data, NOTHING, Vote(entity="entity", source="source", columns=["v"])))

    assert [row["v"] for row in kept.values()] == ["1", "1", "1", "1", "1", "2", "7", None]
    assert not gone


def test_sources_that_copy_from_one_another_have_one_voice():
    truth = {f"e{i}": str(i) for i in range(30)}
    copied = [(s, e, "wrong") for s in ("copy 1", "copy 2", "copy 3") for e in truth]
    own = [(s, e, v if (i + n) % 10 else "slip") for n, s in enumerate("ab") for i, (e, v) in enumerate(truth.items())]
    data = dataset(("source", "entity", "v"), [*copied, *own])
    parameters = {"entity": "entity", "source": "source", "columns": ["v"]}
    spoken = duplicates.statements(data.table, "entity", "source", ["v"], {})
    copies = duplicates.copying(spoken, 20)

    assert sorted(copies) == ["copy 1", "copy 2", "copy 3"]
    kept, _ = applied(data, duplicates.vote(data, NOTHING, Vote(**parameters, copies=copies)))
    right = [row["v"] == truth[row["entity"]] for row in kept.values()]
    assert sum(right) / len(right) > 0.7


def test_a_value_in_the_columns_usual_shape_is_heard_through_its_additions():
    rows = [("a", "x", "6:47 pm"), ("b", "x", "6:47 pm (est.)"), ("c", "x", "6:50 pm"), ("d", "x", "")]
    data = dataset(("source", "entity", "at"), rows)
    shapes = {"at": "[0-9]+:[0-9]+ [A-Za-z]+"}
    p = Vote(entity="entity", source="source", columns=["at"], shapes=shapes)
    kept, _ = applied(data, duplicates.vote(data, NOTHING, p))

    assert {row["at"] for row in kept.values()} == {"6:47 pm"}


def test_a_value_of_another_shape_than_its_column_is_never_elected():
    rows = [("a", "x", "no word"), ("b", "x", "no word"), ("c", "x", "6:50 pm"), ("d", "x", "6:50 pm"), ("e", "x", "")]
    shapes = {"at": "[0-9]+:[0-9]+ [A-Za-z]+"}
    p = Vote(entity="entity", source="source", columns=["at"], shapes=shapes)
    data = dataset(("source", "entity", "at"), rows)
    kept, _ = applied(data, duplicates.vote(data, NOTHING, p))

    assert {row["at"] for row in kept.values()} == {"6:50 pm"}


def test_where_sources_hardly_ever_disagree_a_vote_needs_two_thirds():
    close = {(0, 5): "999", (1, 5): "999", (2, 5): "998"}
    rows = [(s, i, close.get((int(s[-1], 16) - 10, int(i[5:])), p), m) for s, i, p, m in reports()]
    (finding,) = found(dataset(REPORT, [*rows, *more_reports()]), "conflicting_sources")

    assert finding.facts["majority"] == pytest.approx(2 / 3)
    assert finding.count == 6, "three of six have no clear majority, so each of the six may be wrong"


def more_reports():
    return [(s, f"more {i}", p, m) for s, i, p, m in reports()]


def test_one_source_is_trusted_and_where_it_is_silent_its_closest_peer():
    rows = [
        ("t", "x", "1"), ("p", "x", "1"), ("q", "x", "2"),
        ("t", "y", "3"), ("p", "y", "3"), ("q", "y", "4"),
        ("p", "z", "5"), ("q", "z", "6"), ("r", "z", "6"),
    ]  # fmt: skip
    data = dataset(("source", "entity", "v"), rows)
    base = {"entity": "entity", "source": "source", "columns": ["v"], "trusted": "t"}

    kept, _ = applied(data, duplicates.trust(data, NOTHING, Trust(**base)))
    assert [row["v"] for row in kept.values()] == ["1", "1", "1", "3", "3", "3", "5", "5", "5"]

    kept, _ = applied(data, duplicates.trust(data, NOTHING, Trust(**base, otherwise="keep")))
    assert [row["v"] for row in kept.values()][-3:] == ["5", "6", "6"]


def test_a_source_that_does_not_exist_cannot_be_trusted():
    data = dataset(("source", "entity", "v"), [("acme", "x", "1")])
    with pytest.raises(AnswerError, match=r"no source 'acmee' in source.*Did you mean 'acme'"):
        duplicates.trust(data, NOTHING, Trust(entity="entity", source="source", columns=["v"], trusted="acmee"))


# --- near-duplicates ---


def people(count=200):
    given = ("Anna", "Bernd", "Clara", "David", "Emma", "Felix", "Greta", "Hans")
    family = ("Abendroth", "Birnbaum", "Castellani", "Donnerstag", "Eichhorn", "Fischer", "Grünwald")
    return [
        (str(3 * i), f"{given[i % 8]} {family[i % 7]}", f"{i % 151} Mill Lane", f"town {i % 113}", f"+49 {i * 7 % 181}")
        for i in range(count)
    ]


PERSON = ("id", "name", "street", "town", "phone")


def test_a_small_edit_in_words_makes_a_near_duplicate():
    rows = people()
    twin = ("2000", rows[2][1].replace("Castellani", "Castelani"), *rows[2][2:])
    (finding,) = found(dataset(PERSON, [*rows, twin]), "near_duplicate_records")

    assert suspects(finding) == [2, 200]
    assert finding.facts == {"pairs": [[2, 200]]}


def test_other_digits_make_another_record():
    rows = people()
    other = ("2000", rows[2][1], "12 Mill Lane", *rows[2][3:])

    assert not found(dataset(PERSON, [*rows, other]), "near_duplicate_records")


def test_pairs_are_merged_in_chains_but_for_those_that_are_not_the_same():
    data = dataset(("a", "b"), [("x", None), ("x", "1"), ("y", "2"), ("y", "3")])
    p = Merge(pairs=[(0, 1), (1, 2), (2, 3)], exclude=[(2, 1)])
    kept, gone = applied(data, duplicates.merge(data, NOTHING, p))

    assert contents(kept) == [("x", "1"), ("y", "2")]
    assert gone == {1: (Disposition.MERGED, 0), 3: (Disposition.MERGED, 2)}


def test_a_pair_whose_row_is_gone_by_now_is_not_merged():
    data = dataset(("a", "b"), [("x", "1"), ("x", "2")])

    assert not duplicates.merge(data, NOTHING, Merge(pairs=[(0, 7)]))


# --- all of them ---


def test_columns_may_be_called_as_the_computation_calls_its_own():
    names = ("into", "at", "n", "value", "copies", "contents", "after")
    rows = [(f"k{i}", *(f"{name}{i % (11 + j)}" for j, name in enumerate(names[1:]))) for i in range(60)]
    data = dataset(names, [*rows, (rows[3][0], *rows[3][1:-1], "other")], key=["into"])

    assert [suspects(finding) for finding in found(data, "key_duplicates")] == [[3, 60]]
    p = Survivorship(columns=["into"], default="last")
    kept, gone = applied(data, duplicates.survivorship(data, NOTHING, p))
    assert kept[3] == dict(zip(names, (*rows[3][:-1], "other"), strict=True))
    assert gone == {60: (Disposition.MERGED, 3)}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("rows", [[], [("a", "b")], [(None, None), (None, None)], [("", " ")] * 3])
def test_next_to_nothing_is_nothing(name, rows):
    assert not found(dataset(("order by", 'x"y'), rows), name)


@pytest.mark.parametrize("name", KINDS)
def test_a_table_of_five_hundred_columns_is_looked_at(name):
    rows = [tuple(f"{i % 3}{j}" for j in range(500)) for i in range(6)]
    found(dataset([f"c{j}" for j in range(500)], rows), name)


def test_the_module_offers_what_the_catalogue_names():
    assert tuple(k.name for k in kinds() if k.module == "duplicates") == KINDS
    assert {r.name for r in remedies() if r.module == "duplicates"} == {
        "keep_first", "keep_last", "keep_latest", "survivorship", "vote", "trust", "merge",
    }  # fmt: skip


few = st.sampled_from(["a", "b", "A", "10", "9", "", " ", None])
tables = st.lists(st.tuples(few, few, few), min_size=1, max_size=14)
COLUMNS = ("k", "u", "v")
LIMITS = settings(max_examples=15)
REMEDIES = {
    "keep_first": lambda data: duplicates.keep_first(data, NOTHING, KeepOne()),
    "keep_last": lambda data: duplicates.keep_last(data, NOTHING, KeepOne(columns=["k"], order="v")),
    "keep_latest": lambda data: duplicates.keep_latest(data, NOTHING, KeepLatest(columns=["k", "u"], order="v")),
    "survivorship": lambda data: duplicates.survivorship(data, NOTHING, Survivorship(columns=["k"], default="max")),
    "vote": lambda data: duplicates.vote(data, NOTHING, Vote(entity="k", source="u", columns=["v"])),
}


def again(rows):
    return dataset(COLUMNS, [tuple(row.values()) for row in rows.values()])


@pytest.mark.parametrize("name", REMEDIES)
@LIMITS
@given(tables)
def test_a_remedy_done_twice_is_done_once(name, rows):
    data = dataset(COLUMNS, rows)
    once, _ = applied(data, REMEDIES[name](data))
    twice, gone = applied(again(once), REMEDIES[name](again(once)))

    assert list(twice.values()) == list(once.values())
    assert not gone


@pytest.mark.parametrize("name", REMEDIES)
@LIMITS
@given(tables)
def test_rows_are_accounted_for_and_keys_are_untouched(name, rows):
    data = dataset(COLUMNS, rows)
    kept, gone = applied(data, REMEDIES[name](data))

    assert len(kept) + len(gone) == len(rows)
    assert all(into in kept for _, into in gone.values())
    assert all(values["k"] == rows[row][0] for row, values in kept.items())
    assert all(rows[row][0] == rows[into][0] for row, (_, into) in gone.items())


@pytest.mark.parametrize("name", ["keep_first", "vote"])
@LIMITS
@given(st.data(), tables)
def test_which_contents_survive_does_not_depend_on_the_order_of_rows(name, shuffled, rows):
    data, other = dataset(COLUMNS, rows), dataset(COLUMNS, shuffled.draw(st.permutations(rows)))

    assert contents(applied(data, REMEDIES[name](data))[0]) == contents(applied(other, REMEDIES[name](other))[0])


@LIMITS
@given(tables)
def test_what_comes_back_by_the_value_domains_is_what_comes_back(rows):
    data = dataset(COLUMNS, rows)

    def said(table):
        return sorted(map(tuple, (record.values() for record in table.order_by(ROW).to_pyarrow().to_pylist())), key=str)

    assert said(records.repeats(data, by_domains=True)) == said(records.repeats(data))
    for column in data.columns:
        assert said(records.sharing(data, [column])) == said(records.grouped(data, [column]))
