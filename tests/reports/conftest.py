"""A shop's orders as the report pages are given them, and the same with hostile values everywhere."""

import sys
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum

import pytest

from tasks.insights.compare import compare
from tasks.insights.evaluate import Figure, Insight, Part, Period, Segment, Trend, Unused
from tasks.insights.goals import Goal
from tasks.quality.checks import ContractCheck
from tasks.quality.model import (
    Assessment,
    Cell,
    Change,
    ChangeSet,
    ColumnProfile,
    Decision,
    Dimension,
    DimensionScore,
    Issue,
    Note,
    Option,
    Preview,
    Profile,
    Score,
    Severity,
    Snapshot,
)
from tasks.reports.escape import safe_url, visible
from tasks.reports.index import RunLine
from tasks.reports.insight import InsightReport
from tasks.reports.quality import QualityReport
from tasks.reports.receipt import GoalLine, ReceiptReport
from tasks.reports.records import BadLine, Landed, Link, RowAccount, Seal

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/a.png)",
    "javascript:alert(1)",
    "a|b|c`d`",
    "'; DROP TABLE orders; --",
    "line one\nline two\r\n\n# heading",
    "{{ 7*7 }}{% raw %}",
    "</style></script><!-- -->]]>",
    "😀 \u202etxt.exe\u202c \x00\x1b[31m",
    "&lt;b&gt; &amp;",
    "   ",
    "x" * 5000,
    "<!channel> @here http://evil.example",
)


def column(name, rows, *, missing=0, distinct=10, top=(), numeric=False, histogram=(), bounds=(0.0, 0.0, 0.0)):
    present = rows - missing
    low, high, middle = bounds
    return ColumnProfile(
        name,
        rows,
        missing // 2,
        missing - missing // 2,
        distinct,
        numeric_count=present if numeric else 0,
        min_length=1,
        max_length=24,
        mean_length=8.0,
        minimum=low if numeric else None,
        maximum=high if numeric else None,
        mean=middle if numeric else None,
        median=middle if numeric else None,
        top=top,
        histogram=histogram,
    )


def bell(low, high, heights):
    step = (high - low) / len(heights)
    return tuple((low + i * step, low + (i + 1) * step, n) for i, n in enumerate(heights))


PROFILE = Profile(
    "orders-0",
    3214,
    (
        column("order_id", 3214, distinct=3190, top=(("A-10021", 3), ("A-10388", 2), ("A-10471", 2))),
        column(
            "ordered_at",
            3214,
            missing=14,
            distinct=410,
            top=(("2026-03-02", 31), ("2026-03-09", 29), ("02/03/2026", 12)),
        ),
        column(
            "customer",
            3214,
            missing=120,
            distinct=712,
            top=(("Ada Lovelace", 40), ("ada lovelace", 11), ("Grace Hopper", 38)),
        ),
        column("city", 3214, missing=402, distinct=61, top=(("Berlin", 810), ("Hamburg", 512), ("berlin", 77))),
        column(
            "price",
            3214,
            missing=88,
            distinct=240,
            numeric=True,
            bounds=(0.5, 412.0, 24.9),
            histogram=bell(0.5, 412.0, (120, 480, 902, 700, 402, 260, 140, 70, 30, 12, 6, 4)),
        ),
        column(
            "quantity",
            3214,
            missing=31,
            distinct=14,
            numeric=True,
            bounds=(-1.0, 40.0, 2.0),
            histogram=bell(-1, 40, (22, 1500, 890, 402, 190, 90, 40, 20, 12, 9, 5, 3)),
        ),
        column("email", 3214, missing=640, distinct=690, top=(("N/A", 212), ("ada@example.org", 40), ("unknown", 33))),
        column("note", 3214, missing=3214, distinct=0),
    ),
)

SNAPSHOT = Snapshot(
    "orders-0",
    "file:///work/.gonogo/orders/0.parquet",
    "sha256:8f14e45fceea167a5a36dedd4bea2543c1e5c8b1f6b7a1d9e0a2b3c4d5e6f708",
    3214,
    tuple(c.name for c in PROFILE.columns),
)


def issue(id, severity, title, why, *, columns, count, options=(), recommended="keep", **more):
    facts = {
        "kind": "missing_value",
        "module": "missing",
        "dimension": Dimension.COMPLETENESS,
        "unit": "cell",
        "checked": 3214,
        "sample": (),
    } | more
    name = f'"{columns[0]}"'
    sql = f'SELECT "_row", {name} AS "value"\nFROM "snapshot"\nWHERE TRIM({name}) = \'\'\nORDER BY "_row"'
    keep = Option("keep", "keep", "keep as it is", preview=Preview())
    quarantine = Option(
        "quarantine", "quarantine", "quarantine the rows", preview=Preview(rows_removed=count, removed=(3, 18, 44))
    )
    return Issue(
        id=id,
        severity=severity,
        title=title,
        why=why,
        columns=columns,
        count=count,
        sql=sql,
        options=(*options, keep, quarantine),
        recommended=recommended,
        **facts,
    )


def cells(name, *values):
    return tuple(Cell(17 + 41 * i, name, value) for i, value in enumerate(values))


ISSUES = (
    issue(
        "disguised-missing-email",
        Severity.HIGH,
        "email: “N/A” and “unknown” stand for nothing",
        "245 cells hold a null word (N/A 212, unknown 33).",
        columns=("email",),
        count=245,
        kind="disguised_missing",
        recommended="to-null",
        sample=cells("email", "N/A", "N/A", "unknown", "N/A"),
        options=(
            Option(
                "to-null",
                "to_null",
                "set them to null",
                why="a null word carries no address",
                leaves="'tbd', which is not in the list",
                confidence=0.98,
                safe=True,
                preview=Preview(
                    245,
                    245,
                    changes=(Change(17, "email", "N/A", None, 212), Change(99, "email", "unknown", None, 32)),
                    surprising=(Change(120, "email", "?", None, 1),),
                    clears={"disguised-missing-email": 245, "key-duplicates-order-id": 3},
                    creates={"missing-value-email": 245, "contract: email is never missing": 245},
                    goals={"reachable customers": 0.62, "revenue": 78_321.5},
                    unknown=("near-duplicates-customer",),
                ),
            ),
        ),
    ),
    issue(
        "key-duplicates-order-id",
        Severity.HIGH,
        "order_id should be unique: 21 orders occur more than once",
        "24 rows share their order_id with an earlier row; 18 of them differ in no other column.",
        columns=("order_id",),
        count=24,
        kind="key_duplicates",
        module="duplicates",
        dimension=Dimension.UNIQUENESS,
        unit="row",
        recommended="keep-latest",
        sample=(
            Cell(20, "order_id", "A-10021"),
            Cell(20, "city", "Berlin"),
            Cell(20, "price", "12.50"),
            Cell(311, "order_id", "A-10021"),
            Cell(311, "city", None),
            Cell(311, "price", "12.50"),
        ),
        options=(
            Option(
                "keep-latest",
                "keep_latest",
                "keep the latest by ordered_at",
                why="ordered_at orders all 21 groups without a tie",
                safe=True,
                preview=Preview(
                    rows_removed=24,
                    removed=tuple(range(311, 335)),
                    clears={"missing-value-city": 6, "key-duplicates-order-id": 24},
                    goals={"revenue": 77_010.25},
                ),
            ),
        ),
    ),
    issue(
        "missing-value-city",
        Severity.MEDIUM,
        "city is missing in 402 rows",
        "402 of 3,214 cells are null or blank (12.5%, limit 5%).",
        columns=("city",),
        count=402,
        sample=cells("city", None, "", "   ", None),
        options=(
            Option("constant", "constant", "fill with a constant", needs=("value",)),
            Option(
                "mode",
                "mode",
                "fill with the most frequent (Berlin)",
                preview=Preview(402, 402, changes=(Change(17, "city", None, "Berlin"),)),
            ),
        ),
    ),
    issue(
        "empty-column-note",
        Severity.LOW,
        "note holds nothing",
        "No row has a value.",
        columns=("note",),
        count=3214,
        kind="empty_or_constant_column",
        recommended="drop-column",
        options=(
            Option(
                "drop-column", "drop_column", "drop the column", safe=True, preview=Preview(columns_dropped=("note",))
            ),
        ),
    ),
    issue(
        "missing-value-ordered-at",
        Severity.INFO,
        "ordered_at is missing in 14 rows",
        "Below the limit of 5%.",
        columns=("ordered_at",),
        count=14,
    ),
    issue(
        "near-duplicates-customer",
        Severity.MEDIUM,
        "near-duplicate customers could not be checked",
        "The detector stopped: too many distinct values.",
        columns=("customer",),
        count=0,
        kind="near_duplicates",
        module="duplicates",
        failed=True,
    ),
)


def score(overall, completeness, uniqueness):
    others = [d for d in Dimension if d not in (Dimension.COMPLETENESS, Dimension.UNIQUENESS)]
    return Score(
        overall,
        (
            DimensionScore(Dimension.COMPLETENESS, completeness, 4461, 3214),
            DimensionScore(Dimension.UNIQUENESS, uniqueness, 0, 24),
            *(DimensionScore(d, 100.0, 0, 0) for d in others),
        ),
        25712,
        3214,
    )


FIGURES = {"reachable customers": 0.69, "revenue": 78_321.5}
NOTES = (
    Note(
        "key", ("order_id",), "every row has its own order_id: it could be the key", {"distinct": 3190}, "SELECT 3190"
    ),
    Note("skew", ("price",), "price is skewed (4.2): most are near 24.9, a few are far larger", {"skewness": 4.2}, "…"),
)
ASSESSMENT = Assessment(SNAPSHOT, PROFILE, ISSUES, score(81.96, 82.6, 99.25), notes=NOTES, goals=FIGURES)
AFTER = Assessment(
    replace(SNAPSHOT, id="orders-1", parent="orders-0", rows=3190),
    PROFILE,
    (replace(ISSUES[2], count=371), *ISSUES[4:]),
    score(98.4, 97.4, 100.0),
)

DECISIONS = (
    Decision(
        1,
        "quality-1",
        "disguised-missing-email",
        "disguised_missing",
        "missing",
        "to_null",
        "to-null",
        "set them to null",
        ("email",),
        {},
        {},
        "SELECT 1",
        "Ada Lovelace (form)",
    ),
    Decision(
        2,
        "quality-1",
        "key-duplicates-order-id",
        "key_duplicates",
        "duplicates",
        "keep_latest",
        "keep-latest",
        "keep the latest by ordered_at",
        ("order_id",),
        {},
        {},
        "SELECT 1",
        "Ada Lovelace (form)",
    ),
)


def changes(number, cells_changed=0, merged=0):
    return ChangeSet(
        number,
        cells_changed,
        cells_changed,
        3214,
        3214 - merged,
        0,
        0,
        merged,
        (),
        (),
        "c",
        "sha256:c",
        "r",
        "sha256:r",
    )


CHANGES = (changes(1, 245), changes(2, 0, 24))
LINKS = (Link("Insight", "insight.html"), Link("Profile", "profile.html"), Link("JSON", "quality.json"))
SEAL = Seal("sha256:0c5f3b1e9a", {"gonogo": "0.1.0", "prefect": "3.8.8", "duckdb": "1.5.6"})


CHECKS = (
    ContractCheck(
        "key",
        "order_id tells rows apart",
        ("order_id",),
        24,
        3214,
        "",
        (Cell(20, "", None), Cell(311, "", None)),
        "SELECT 9",
    ),
    ContractCheck("minimum", "price is at least 0", ("price",), 0, 3126),
    ContractCheck("present", "prize is there", ("prize",), 0, 0, problem="no column 'prize'; Did you mean 'price'?"),
)


AIMS = (
    Goal(name="reachable customers", metric="count_if(email <> '') / count(*)", unit="%"),
    Goal(name="revenue", metric="sum(price * quantity)", unit="EUR"),
)


def orders(**changed):
    given = {
        "run": "brave-otter",
        "pipeline": "orders",
        "source": "orders-*.csv.gz (3 files)",
        "generated": "2026-11-23 12:00 UTC",
        "assessment": ASSESSMENT,
        "malformed": 36,
        "rows_read": 3250,
        "renames": (("", "column_9"), ("_row", "_row_source")),
        "malformed_sample": (
            BadLine(102, "9 fields, 8 expected", "A-1|x,,,,,,,,"),
            BadLine(871, "not UTF-8", "caf\udce9"),
        ),
        "checks": CHECKS,
        "goals": AIMS,
        "remarks": ("settings.missing_value.columns: there is no column 'prize'. Did you mean 'price'?",),
        "links": LINKS,
        "seal": SEAL,
    }
    return QualityReport(**(given | changed))


def hostile_report():
    text = "".join(HOSTILE)
    names = tuple(f"{value} {i}" for i, value in enumerate(HOSTILE))
    columns = tuple(column(n, 10, missing=1, top=tuple((v, 1) for v in HOSTILE)) for n in names)
    numeric = column(HOSTILE[0], 10, numeric=True, bounds=(0, 1, 0.5), histogram=((0.0, 1.0, 3),))
    issues = tuple(
        issue(
            f"bad-{i}",
            Severity.HIGH,
            value,
            text,
            columns=(names[i],),
            count=i,
            recommended="fix",
            sample=(Cell(1, names[i], value), Cell(2, "", text)),
            facts={"values": HOSTILE},
            options=(
                Option(
                    "fix",
                    "constant",
                    value,
                    why=text,
                    needs=(value,),
                    parameters={"value": value},
                    leaves=text,
                    preview=Preview(
                        1,
                        1,
                        1,
                        (value,),
                        (value,),
                        (Change(1, names[i], value, text),),
                        (1, 2),
                        surprising=(Change(1, names[i], text, value, 1),),
                        clears={value: 1, "bad-1": 1},
                        creates={text: 2},
                        goals={value: 1.0, text: None},
                        unknown=(text,),
                    ),
                ),
            ),
        )
        for i, value in enumerate(HOSTILE)
    )
    snapshot = Snapshot(text, text, text, 10, names, text)
    decision = Decision(1, text, text, text, text, text, text, text, names, {}, {}, text, text)
    return orders(
        run=text,
        pipeline=text,
        source=text,
        generated=text,
        formula=text,
        assessment=Assessment(
            snapshot,
            Profile(text, 10, (*columns, numeric)),
            issues,
            score(10.0, 20.0, 30.0),
            notes=tuple(Note("skew", (v, v), v, {v: 1.0}, v) for v in HOSTILE),
        ),
        malformed_sample=tuple(BadLine(i, v, v) for i, v in enumerate(HOSTILE)),
        renames=tuple((v, v) for v in HOSTILE),
        remarks=HOSTILE,
        checks=tuple(
            ContractCheck("rule", v, (v,), 1, 2, v, (Cell(1, v, v),), v, v * (i % 2)) for i, v in enumerate(HOSTILE)
        ),
        decisions=(decision,),
        changes=(changes(1, 3),),
        links=tuple(Link(v, v) for v in HOSTILE),
        seal=Seal(text, {text: text}),
    )


MONTHS = tuple(f"2026-{i:02}" for i in range(1, 11))
BEFORE = (6100.0, 6420.5, 5980.0, None, 7300.0, 7510.0, 8200.0, 7900.0, 8450.0, 9100.0)
NOW = (6880.0, 7010.5, 6900.0, 7150.0, 7600.0, 7911.0, 8420.0, 8300.0, 8800.0, 9350.0)


def measured(goal, value, used, unused, *, status, sql="", months=(), parts=(), missing=(), problem=""):
    """One goal on one snapshot, as `tasks.insights.evaluate` gives it."""
    periods = tuple(
        Period(f"{label}-01" if label in MONTHS else f"2026-01-{day:02}", label, v, 300)
        for day, (label, v) in enumerate(months, start=1)
    )
    trend = Trend("ordered_at", "month", periods, 14, "SELECT 1", "sha256:data") if months else None
    segments = (
        (Segment("city", tuple(Part(*part) for part in parts), len(parts), "SELECT 2", "sha256:data"),) if parts else ()
    )
    return Insight(goal, Figure(value, sql, "sha256:data"), status, used, unused, missing, trend, segments, problem)


REVENUE_GOAL = Goal(
    name="Revenue",
    metric="sum(price * quantity)",
    target=">= 75000",
    grain="ordered_at",
    segments="city",
    unit="EUR",
    decimals=2,
)
RETURNS_GOAL = Goal(name="Orders without a return", metric="avg(quantity)", target=">= 97 %", unit="%")
SUM = 'SELECT SUM("price" * "quantity") FROM "snapshot"'

REVENUE_BEFORE = measured(
    REVENUE_GOAL,
    66960.5,
    2810,
    404,
    status="missed",
    sql=SUM,
    months=[m for m in zip(MONTHS, BEFORE, strict=True) if m[1]],
    parts=(("Berlin", 21000.0, 700), ("Hamburg", 18100.0, 500), (None, 12000.0, 402)),
    missing=(
        Unused("price is not a number", 372, (4, 18, 77, 91), "SELECT 3"),
        Unused("quantity is missing", 32, (9,), "SELECT 4"),
    ),
)
REVENUE_NOW = measured(
    REVENUE_GOAL,
    78321.5,
    3120,
    70,
    status="met",
    sql=SUM,
    months=tuple(zip(MONTHS, NOW, strict=True)),
    parts=(
        ("Berlin", 30120.5, 900, 0.385),
        ("Hamburg", 22300.0, 600, 0.285),
        (None, 3100.0, 31, 0.04),
        ("", 22801.0, 1589, 0.29, True),
    ),
    missing=(
        Unused("price is not a number", 39, (4, 18, 77), "SELECT 3"),
        Unused("quantity is missing", 31, (9,), "SELECT 4"),
    ),
)
GOALS = compare(
    (REVENUE_BEFORE, measured(RETURNS_GOAL, 0.958, 3214, 0, status="missed", sql="SELECT 5")),
    (REVENUE_NOW, measured(RETURNS_GOAL, 0.961, 3190, 0, status="missed", sql="SELECT 5")),
)


def insight(goals=GOALS, **changed):
    given = {
        "run": "brave-otter",
        "pipeline": "orders",
        "source": "orders-*.csv.gz (3 files)",
        "generated": "2026-11-23 12:00 UTC",
        "goals": goals,
        "links": LINKS,
        "seal": SEAL,
    }
    return InsightReport(**(given | changed))


def receipt(**changed):
    given = {
        "run": "brave-otter",
        "pipeline": "orders",
        "source": "orders-*.csv.gz (3 files)",
        "generated": "2026-11-23 12:00 UTC",
        "outcome": "loaded",
        "destination": "sqlite:///orders.sqlite, table orders",
        "landed": Landed("merge", 3190, 2800, 3302, "sha256:after", 12.34, ("land", "colour"), (("price", 3),)),
        "columns": 8,
        "account": RowAccount(3250, 3190, malformed=36, merged=24),
        "before": 81.96,
        "after": 98.4,
        "decisions": DECISIONS,
        "changes": CHANGES,
        "links": LINKS,
        "seal": SEAL,
        "goals": (GoalLine("Revenue", GOALS[0].sentence, "met"), GoalLine("Returns", GOALS[1].sentence, "missed")),
    }
    return ReceiptReport(**(given | changed))


RUNS = (
    RunLine("calm-heron", "orders", "Held", "2026-11-23 12:20", 3214, 81.96, None, "quality gate, 6 issues", LINKS[:1]),
    RunLine("brave-otter", "orders", "Loaded", "2026-11-23 12:00", 3190, 81.96, 98.4, "", LINKS),
    RunLine("shy-fox", "complaints", "Failed", "2026-11-22 09:12", None, None, None, "source not found"),
)


def hostile_insight():
    text = "".join(HOSTILE)
    goals = tuple(
        Goal(name=f"{value}{i}", metric="sum(price)", target="between 1 and 3", unit=value, description=text)
        for i, value in enumerate(HOSTILE)
    )
    before, after = (
        [
            measured(
                goal,
                value,
                1,
                2,
                status="missed",
                sql=text,
                months=[(v[:40], value) for v in HOSTILE],
                problem=text,
                parts=[(v, value, 3) for v in HOSTILE],
                missing=(Unused(text, 1, (2,), text),),
            )
            for goal in goals
        ]
        for value in (1.0, 2.0)
    )
    return insight(
        compare(before, after),
        run=text,
        pipeline=text,
        source=text,
        generated=text,
        links=tuple(Link(v, v) for v in HOSTILE),
    )


def hostile_receipt():
    text = "".join(HOSTILE)
    decision = Decision(1, text, text, text, text, text, text, text, HOSTILE, {}, {}, text, text)
    return receipt(
        run=text,
        pipeline=text,
        source=text,
        generated=text,
        destination=text,
        note=text,
        landed=Landed(text, 1, 2, 3, text, 0.01, HOSTILE, tuple((value, 1) for value in HOSTILE)),
        decisions=(decision,),
        changes=(changes(1, 3),),
        goals=tuple(GoalLine(v, text, v) for v in HOSTILE),
        links=tuple(Link(v, v) for v in HOSTILE),
        seal=Seal(text, {text: text}),
    )


HOSTILE_RUNS = tuple(RunLine(v, v, v, v, 1, 2.0, 3.0, v, tuple(Link(w, w) for w in HOSTILE)) for v in HOSTILE)


def tamed(value):
    """The same record with the letter x in place of every text from data: same shape, nothing special."""
    if isinstance(value, str) and not isinstance(value, StrEnum):
        return "x" * min(len(visible(value)), 200) if value.strip() else value
    if isinstance(value, tuple):
        return tuple(tamed(inner) for inner in value)
    if isinstance(value, Link):
        return Link(tamed(value.label), "x" if safe_url(value.url) else "javascript:x")
    if is_dataclass(value):
        kept = {"id", "key", "recommended", "unit", "kind", "module", "parameters", "facts", "versions", "name"}
        return replace(
            value, **{f.name: tamed(getattr(value, f.name)) for f in fields(value) if f.init and f.name not in kept}
        )
    return value


def wide(columns, issues):
    names = tuple(f"column number {i}" for i in range(columns))
    profile = Profile(
        "w",
        100_000,
        tuple(
            column(
                n,
                100_000,
                distinct=20,
                top=tuple((f"value {j} of {n}" * 8, j) for j in range(20)),
                numeric=i % 2 == 0,
                bounds=(0, 1, 0.5),
                histogram=bell(0, 1, range(20)) if i % 2 == 0 else (),
            )
            for i, n in enumerate(names)
        ),
    )
    shown = tuple(
        replace(
            ISSUES[i % 4],
            id=f"issue-{i}",
            columns=(names[i],),
            sql="SELECT 1\n" * 5000,
            sample=tuple(Cell(r, names[c], "v" * 60) for r in range(20) for c in range(20)),
        )
        for i in range(issues)
    )
    snapshot = Snapshot("w", "w", "sha256:w", 100_000, names)
    return orders(assessment=Assessment(snapshot, profile, shown, score(50.0, 50.0, 50.0)), rows_read=None)


@pytest.fixture
def shop():
    """This module: the makers of reports and the records that they are made of."""
    return sys.modules[__name__]


@pytest.fixture
def first_look():
    return orders()


@pytest.fixture
def second_look():
    return orders(assessment=AFTER, previous=ASSESSMENT, decisions=DECISIONS, changes=CHANGES)


@pytest.fixture
def hostile():
    return hostile_report()
