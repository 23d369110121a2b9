"""Spellings and typing errors are mapped only where hardly a sound table would have them."""

from __future__ import annotations

import pytest

from tasks.quality.categories import extended
from tasks.quality.contract import Contract
from tasks.quality.words import fingerprint
from tests.quality.opened import opened
from tests.quality.remedied import chosen_values, every, found, recommended_values

TIERS = ["silver", "golden", "basic"] * 60


@pytest.mark.parametrize("error", ["slver", "silverr", "s1lver", "5ilver", "silvet"])
def test_a_slip_of_a_frequent_value_of_a_list_is_mended(error):
    with opened({"tier": [*TIERS, error]}) as data:
        after = recommended_values(data, found(data, "typo"), "tier")
    assert after[-1] == "silver"


def test_a_code_that_is_as_near_to_two_others_is_left_to_the_pilot():
    """Fuel systems of cars: some occur once, and each differs from the next by a letter."""
    systems = ["mpfi"] * 94 + ["2bbl"] * 66 + ["idi"] * 20 + ["spdi"] * 9
    with opened({"system": [*systems, "spfi"]}) as data:
        assert found(data, "typo").recommended == "keep"
    with opened({"system": [*systems, "mpfj"]}) as data:
        assert recommended_values(data, found(data, "typo"), "system")[-1] == "mpfi"


def test_underscores_are_spaces_and_an_ampersand_is_and():
    parts = ["north side", "south side", "sales and marketing"] * 40
    with opened({"part": [*parts, "north_side", "sales & marketing", "Marketing und Sales"]}) as data:
        after = recommended_values(data, found(data, "inconsistent_spelling"), "part")
    assert after[120:] == ["north side", "sales and marketing", "sales and marketing"]


@pytest.mark.parametrize("other", ["Road 2", "platinum", "sliver lining"])
def test_digits_and_other_words_are_no_slips(other):
    with opened({"tier": [*(["Road 1"] * 90), *TIERS, other]}) as data:
        assert found(data, "typo", missing_ok=True) is None


def test_letters_that_look_like_the_digits_of_a_frequent_code_are_read_as_these():
    codes = ["10115", "28195", "50667"] * 40
    with opened({"zip": [*codes, "101l5", "2819S", "5O667", "5O668", "x0115"]}) as data:
        after = recommended_values(data, found(data, "typo"), "zip")
    assert after[120:] == ["10115", "28195", "50667", "5O668", "x0115"]
    with opened({"stock": [*(str(n) for n in range(10, 70)), *(str(n) for n in range(10, 70))] * 6 + ["1O"]}) as data:
        assert found(data, "typo", missing_ok=True) is None, "it may have been any of ten numbers"
    rooms = ["812", "813", "B12", "A12", "C14"] * 30
    with opened({"room": [*rooms, "B13"]}) as data:
        assert found(data, "typo", missing_ok=True) is None


def test_a_letter_beside_digits_tells_courses_apart_and_one_in_a_word_does_not():
    column = ["101A", "Hall 7 East", "204B"] * 60
    with opened({"course": [*column, "101L", "Hall 7 Eest"]}) as data:
        assert recommended_values(data, found(data, "typo"), "course") == [*column, "101L", "Hall 7 East"]


def test_three_letters_of_a_category_of_four_are_it_unless_they_are_as_near_to_another():
    with opened({"tier": ["gold", "silver", "bronze"] * 40 + ["gld"]}) as data:
        assert recommended_values(data, found(data, "typo"), "tier")[-1] == "gold"
    with opened({"tier": ["gold", "bold", "bronze"] * 40 + ["old"]}) as data:
        assert found(data, "typo", missing_ok=True) is None


def test_names_that_differ_by_a_letter_are_left_to_the_pilot_unless_other_columns_agree():
    towns = ["Portland"] * 30 + [f"Town {chr(65 + n % 26)}{chr(97 + n // 26)}" for n in range(200)]
    states = ["OR"] * 30 + [f"S{n % 40}" for n in range(200)]
    with opened({"town": [*towns, "Cortland"], "state": [*states, "NY"]}) as data:
        assert found(data, "typo").recommended == "keep", "Cortland is in another state"
    with opened({"town": [*towns, "Portlnad"], "state": [*states, "OR"]}) as data:
        assert recommended_values(data, found(data, "typo"), "town")[-1] == "Portland"


def test_a_difference_that_another_column_explains_is_no_slip():
    codes = [f"al_code-{chr(97 + n % 5)}" for n in range(200)]
    state = ["al"] * 200 + ["ak"]
    with opened({"code": [*codes, "ak_code-a"], "state": state}) as data:
        issue = found(data, "typo", missing_ok=True)
        assert issue is None or issue.recommended == "keep"


def test_spellings_are_certain_only_against_a_far_more_frequent_one():
    with opened({"a": ["London"] * 60 + ["LONDON", "Leeds"] + ["eng"] * 9 + ["ENG"] * 3}) as data:
        issue = found(data, "inconsistent_spelling")
        assert issue.option("map-certain").parameters["values"] == {"LONDON": "London"}
        assert issue.option("map").parameters["values"] == {"LONDON": "London", "ENG": "eng"}


def test_variants_of_a_long_list_of_names_count_for_none_of_its_names():
    firms = [f"{chr(65 + n % 26)}{chr(97 + n // 26)}ton Ltd" for n in range(130)]
    variants = [*(firm.upper() for firm in firms[:30]), "Aaton Ltd.", "Aaton Ltd."]
    with opened({"firm": [*firms * 12, *variants, "Baton, Ltd"]}) as data:
        issue = found(data, "inconsistent_spelling")
        assert recommended_values(data, issue, "firm") == [
            *firms * 12,
            *firms[:30],
            "Aaton Ltd",
            "Aaton Ltd",
            "Baton Ltd",
        ]
    with opened({"firm": [*firms * 12, "Aaton, Ltd.", "Aaton, Ltd."]}) as data:
        assert found(data, "inconsistent_spelling").recommended == "keep", "six times as often is not enough for one"


def test_lists_within_a_value_may_be_separated_in_several_ways():
    with opened({"tags": ["red;blue"] * 60 + ["red, blue", "red; blue", "red|blue", "blue;red", "1,5"]}) as data:
        issue = found(data, "inconsistent_spelling")
        assert recommended_values(data, issue, "tags") == ["red;blue"] * 64 + ["1,5"]


def test_short_signs_differ_in_case_unless_all_others_are_in_one():
    with opened({"a": ["CO"] * 200 + ["Co"] + ["Fe"] * 90, "b": ["NY"] * 200 + ["ny"] + ["CA"] * 90}) as data:
        chemical, state = every(data, "inconsistent_spelling")
        assert chemical.recommended == "keep"
        assert recommended_values(data, state, "b")[200] == "NY"


@pytest.mark.parametrize(
    ("usual", "odd", "after"),
    [
        (["M", "F"], ["Male", "female", "Female"], ["M", "F", "F"]),
        (["Male", "Female"], ["M", "F", "f"], ["Male", "Female", "Female"]),
        (["Y", "N"], ["Yes"], ["Y"]),
        (["A", "B", "C"], ["Absent"], ["Absent"]),
        (["M", "F"], ["Male", "Man", "Female"], ["Male", "Man", "Female"]),
        (["Yes", "No"], ["Y", "n", "true", "0", "1", "NO"], ["Yes", "No", "Yes", "No", "Yes", "No"]),
        (["1", "0"], ["Yes", "false"], ["1", "0"]),
        (["true", "false"], ["T", "1", "N"], ["true", "true", "N"]),
        (["Y", "N"], ["T", "1"], ["T", "Y"]),
        (["Y", "N"], ["Yes", "2"], ["Y", "2"]),
    ],
)
def test_letters_and_the_words_that_they_stand_for_are_written_as_most_are(usual, odd, after):
    column = [usual[n % len(usual)] for n in range(120)]
    with opened({"sex": [*column, *odd]}) as data:
        issue = found(data, "inconsistent_spelling", missing_ok=True)
        values = recommended_values(data, issue, "sex") if issue and issue.recommended != "keep" else [*column, *odd]
        assert values == [*column, *after]


FIRST, LAST = ("Ann", "Bob", "Carla", "Dieter"), ("Miller", "Jones", "van Berg", "Stone", "Field", "Usher", "Lopez")
PEOPLE = [f"{FIRST[n % 4]} {LAST[n // 4 % 7]}" for n in range(140)]


def test_what_others_write_otherwise_is_in_an_unusual_case():
    odd = ["CARLA JONES", "dieter miller", "IBM DEUTSCHLAND", "ANN"]
    with opened({"name": [*(f"{name} {n}" for n, name in enumerate(PEOPLE)), *odd]}) as data:
        issue = found(data, "unusual_case")
        assert recommended_values(data, issue, "name")[-4:] == ["Carla Jones", "Dieter Miller", *odd[2:]]
        assert issue.count == 2
    media = ["Ink on paper", "Oil on canvas", "Paper and canvas", "Canvas and ink"] * 30
    with opened({"medium": [*media, "3 works: oil, ink", "2 works: paper, canvas"]}) as data:
        assert found(data, "unusual_case", missing_ok=True) is None, "a capital at the beginning only"
    with opened({"code": [f"AB-{n}-KLM" for n in range(140)] + ["ab-141-klm", "ab-142-xyz", "o-o"]}) as data:
        after = recommended_values(data, found(data, "unusual_case"), "code")
        assert after[-3:] == ["AB-141-KLM", "AB-142-XYZ", "o-o"]
    with opened({"size": [f"{n}x{n + 9}" for n in range(140)] + ["10X20", "X-L"]}) as data:
        assert recommended_values(data, found(data, "unusual_case"), "size")[140:] == ["10x20", "X-L"]
    with opened({"src": ["aa", "ua", "wn"] * 60 + ["CO"] * 3}) as data:
        assert found(data, "unusual_case", missing_ok=True) is None, "a sign of its own"
    with opened({"n": [*(str(n % 30) for n in range(140)), *["two", "one", "six"] * 4, "O"]}) as data:
        assert found(data, "unusual_case", missing_ok=True) is None, "a damaged digit"
    with opened({"name": [name.upper() if n % 3 else name for n, name in enumerate(PEOPLE)]}) as data:
        assert found(data, "unusual_case", missing_ok=True) is None, "both ways are frequent"


def test_a_name_is_written_once_though_two_kinds_could_tell_how():
    with opened({"name": [*PEOPLE, "CARLA JONES"]}) as data:
        assert found(data, "unusual_case", missing_ok=True) is None
        assert recommended_values(data, found(data, "inconsistent_spelling"), "name")[-1] == "Carla Jones"


def test_names_are_turned_where_others_begin_with_what_stands_behind_the_comma():
    odd = ["Berger, Ann", "van Horn, Carla"]
    with opened({"name": [*(f"{name}" for name in PEOPLE), *odd, "Jones, Paris"]}) as data:
        issue = found(data, "inverted_names")
        assert recommended_values(data, issue, "name")[-3:] == ["Ann Berger", "Carla van Horn", "Jones, Paris"]
    towns = [f"{place} {kind}" for place in ("New", "Old", "Great") for kind in ("York", "Lima", "Rome")] * 9
    for odd in (["Paris, Texas", "Rome, Ohio"], ["York, New", "Paris, Texas", "Rome, Ohio"]):
        with opened({"town": [*towns, *odd]}) as data:
            assert found(data, "inverted_names", missing_ok=True) is None, "a comma that says something"
    bands = [f"The {name}" for name in ("Beatles", "Who", "Doors", "Kinks", "Clash")] + ["Pink Floyd", "Daft Punk"]
    for odd in ("Tyler, The Creator", "Beatles and Kinks, The Who"):
        with opened({"band": [*bands, odd]}) as data:
            assert found(data, "inverted_names", missing_ok=True) is None, "nobody is called so"


def test_shortened_words_are_written_as_others_with_the_same_words_have_them():
    kinds, names = ("Street", "Road", "Avenue"), ("Mill", "Bay", "Elm", "Oak", "Ash", "Fir", "Fig")
    roads = [f"{n} {names[n % 7]} {kinds[n % 3]}" for n in range(210)]
    odd = ["7 Mill St.", "8 Bay St", "9 Elm St.", "9 St Ives Rd", "7 Mill Rd", "8 Bay Rd.", "9 Elm Rd.", "5 Fig Dr"]
    with opened({"address": [*roads, *odd]}) as data:
        issue = found(data, "abbreviated_words")
        assert recommended_values(data, issue, "address")[210:] == [
            "7 Mill Street", "8 Bay Street", "9 Elm Street", "9 St Ives Road", "7 Mill Road", "8 Bay Road",
            "9 Elm Road", "5 Fig Dr",
        ]  # fmt: skip
    with opened({"address": [*roads, "7 Mill St.", "8 Bay St"]}) as data:
        assert found(data, "abbreviated_words", missing_ok=True) is None, "two streets show no habit"
    firms = [f"{name} {'Company' if n % 9 else 'Co'}" for n, name in enumerate(f"F{k}" for k in range(300))]
    with opened({"firm": firms}) as data:
        assert found(data, "abbreviated_words", missing_ok=True) is None, "firms of which none has both"


def test_lists_are_separated_as_nearly_all_are():
    pairs = ["blue, red", "green, red", "blue, green", "sky"]
    lists = [pairs[n % 4] for n in range(160)]
    odd = ["blue/red", "blue/green/red", "red|mauve"]
    with opened({"colours": [*lists, *odd]}) as data:
        known, new = found(data, "inconsistent_spelling"), found(data, "other_separators")
        assert recommended_values(data, known, "colours")[160:] == ["blue, red", *odd[1:]]
        assert recommended_values(data, new, "colours")[160:] == ["blue/red", "blue, green, red", "red|mauve"]
    for both in (["red/blue, sky", "red/blue"], ["red/blue"] * 40):
        with opened({"colours": [*lists, *both]}) as data:
            assert found(data, "other_separators", missing_ok=True) is None
            assert found(data, "inconsistent_spelling", missing_ok=True) is None


def test_codes_that_lack_zeros_or_have_letters_for_them_are_written_as_frequent_ones():
    codes = [f"L{n % 12 + 1:03}" for n in range(240)]
    odd = ["L3", "LOO3", "L0l2", "L7O7", "L13", "l003"]
    with opened({"batch": [*codes, *odd]}) as data:
        issue = found(data, "typo")
        assert recommended_values(data, issue, "batch")[240:] == ["L003", "L003", "L012", *odd[3:]]
    with opened({"room": [f"L{n % 12 + 1}" for n in range(240)] + ["L003"]}) as data:
        issue = found(data, "typo", missing_ok=True)
        assert issue is None or issue.recommended == "keep", "numbers of any length are no codes"


@pytest.mark.parametrize(
    ("usual", "odd", "after"),
    [
        (["Morning", "Evening", "Night"], ["Mor", "Eve.", "NIG"], ["Morning", "Evening", "Night"]),
        (["January", "February", "May"], ["Jan", "Feb", "Feb"], ["January", "February", "February"]),
        (["Engineer", "Artist", "Cook"], ["Art", "Engine"], ["Art", "Engine"]),
        (["Other", "Music", "Sports"], ["Oth"], ["Oth"]),
        (["March", "Marble", "Cook"], ["Mar", "Coo"], ["Mar", "Coo"]),
    ],
)
def test_beginnings_that_stand_for_words_are_written_in_full(usual, odd, after):
    column = [usual[n % len(usual)] for n in range(120)]
    with opened({"when": [*column, *odd]}) as data:
        issue = found(data, "abbreviated_words", missing_ok=True)
        assert (recommended_values(data, issue, "when")[120:] if issue else odd) == after


def test_a_space_that_is_lost_is_a_spelling_where_the_usual_one_is_far_more_frequent():
    with opened({"colour": ["dark blue"] * 80 + ["light blue"] * 40 + ["darkblue"] * 5 + ["lightblue"] * 9}) as data:
        issue = found(data, "inconsistent_spelling")
        assert recommended_values(data, issue, "colour")[120:] == ["dark blue"] * 5 + ["lightblue"] * 9
        assert found(data, "typo", missing_ok=True) is None


def test_a_rare_word_that_comes_again_may_be_one_of_its_own():
    drugs = ["prednisone"] * 450 + ["metformin"] * 900
    with opened({"drug": [*drugs, "prednisine", "prednisine"]}) as data:
        assert found(data, "typo").recommended == "keep"
    with opened({"drug": [*drugs, "prednisolone", "prednisolone", "metfornin"]}) as data:
        values = recommended_values(data, found(data, "typo"), "drug")
        assert values[-3:] == ["prednisolone", "prednisolone", "metformin"]


@pytest.mark.parametrize(
    ("usual", "odd", "after"),
    [
        (["yes", "no"], ["yex", "eys", "on", "nk", "n0", "ye5"], ["yes", "yes", "no", "no", "no", "yes"]),
        (["control", "treatment"], ["coxtrol", "conxrol", "treatmxnt"], ["control", "control", "treatment"]),
        (
            ["control", "treatment"],
            ["conxrol", "treatmxnt", *["patrol"] * 3],
            ["control", "treatment", *["patrol"] * 3],
        ),
        (
            ["control", "treatment"],
            ["coxtrol", "conxrol", "treatmxnt", "txeatment"] * 2,
            ["control", "control", "treatment", "treatment"] * 2,
        ),
        (["Stage I", "Stage II"], ["Stage III", "Stage IV", "Stage IIa"], ["Stage III", "Stage IV", "Stage IIa"]),
        (["US", "UK"], ["IS", "DK", "FR", "UA"], ["IS", "DK", "FR", "UA"]),
        (["yes", "no"], ["maybe", "later", "ns", "yex"], ["maybe", "later", "ns", "yes"]),
        (["golden", "silver"], ["golde", "silvr", "bronze"] * 2, ["golde", "silvr", "bronze"] * 2),
    ],
)
def test_in_a_short_list_whose_rare_values_are_nearly_all_slips_each_is_one(usual, odd, after):
    with opened({"answer": [*(usual * 60), *odd]}) as data:
        issue = found(data, "typo", missing_ok=True)
        recommended = issue is not None and issue.recommended != "keep"
        assert (recommended_values(data, issue, "answer")[len(usual) * 60 :] if recommended else odd) == after


@pytest.mark.parametrize(
    ("usual", "odd", "after"),
    [
        (["other", "private"], ["0ther"] * 9 + ["pr1vate"], ["other"] * 9 + ["private"]),
        (["no", "yes"], ["n0"] * 12, ["no"] * 12),
        (["Medium", "Bad"], ["Mediurn"], ["Medium"]),
        (["N1", "No", "N2"], ["N0"], ["N0"]),
        (["modem", "cable"], ["modern"] * 20, ["modern"] * 20),
    ],
)
def test_words_with_digits_for_their_letters_are_read_however_many_there_are(usual, odd, after):
    with opened({"sector": [*(usual * 40), *odd]}) as data:
        issue = found(data, "typo", missing_ok=True)
        assert (recommended_values(data, issue, "sector")[len(usual) * 40 :] if issue else odd) == after


def test_short_words_in_another_case_are_spellings_and_signs_are_none():
    with opened({"month": ["Jan", "Feb", "USA"] * 60 + ["jan", "fEB", "usa"], "at": ["Co"] * 182 + ["CO"]}) as data:
        issue = next(issue for issue in every(data, "inconsistent_spelling") if issue.columns == ("month",))
        assert recommended_values(data, issue, "month")[180:] == ["Jan", "Feb", "usa"]
        assert all(i.recommended == "keep" for i in every(data, "inconsistent_spelling") if i.columns == ("at",))
    with opened({"currency": ["GBP", "EUR"] * 60 + ["GBp"]}) as data:
        assert found(data, "inconsistent_spelling").recommended == "keep"


def test_a_key_that_locked_capitals_is_undone_where_words_begin_with_one():
    names = [f"{a} {b}" for a in ("Ann", "Bob", "Cid", "Dan", "Eve") for b in ("Jones", "Miller", "Moore", "Price")] * 2
    with opened({"name": [*names, "d pEDROIA", "tATIANNA bELL"], "at": [*names, "x", "y"]}) as data:
        issue = found(data, "unusual_case")
        assert recommended_values(data, issue, "name")[-2:] == ["D Pedroia", "Tatianna Bell"]
    packages = [f"{a}{n}" for a in ("ggplot", "lme", "MASS", "Rcpp") for n in range(12)]
    with opened({"package": [*packages, "aMNLFA", "gLRTH", "dHSIC"]}) as data:
        assert found(data, "unusual_case", missing_ok=True) is None


def test_other_words_and_words_too_many_are_no_slips():
    breeds = ["Border Collie"] * 60 + ["Coffee Lake"] * 60
    with opened({"breed": [*breeds, "Bearded Collie", "Coffee Lake-R", "Bordr Collie"]}) as data:
        assert recommended_values(data, found(data, "typo"), "breed")[120:] == [
            "Bearded Collie",
            "Coffee Lake-R",
            "Border Collie",
        ]


def test_a_fingerprint_keeps_what_says_something():
    assert fingerprint("St. Paul") == fingerprint("st paul")
    assert fingerprint("London?") != fingerprint("London")
    assert fingerprint("C#") != fingerprint("C++")


def test_the_nearest_allowed_value_is_recommended_and_the_rest_said():
    contract = Contract.model_validate({"columns": {"size": {"allowed": ["small", "large"]}}})
    with opened({"size": ["small", "Large ", "smal", "huge"]}, contract) as data:
        issue = found(data, "not_allowed")
        assert issue.count == 3
        assert recommended_values(data, issue, "size") == ["small", "large", "small", "huge"]
        assert issue.option("nearest").leaves.startswith("1 ")


def test_what_is_not_allowed_becomes_null_or_one_value_of_the_pilots():
    contract = Contract.model_validate({"columns": {"size": {"allowed": ["small", "large"]}}})
    with opened({"size": ["small", "huge", None, "tiny"]}, contract) as data:
        issue = found(data, "not_allowed")
        assert chosen_values(data, issue, "to-null", "size") == ["small", None, None, None]
        assert chosen_values(data, issue, "to-other", "size", value="large") == ["small", "large", None, "large"]


def test_the_allowed_set_is_extended_for_what_follows():
    contract = Contract.model_validate({"columns": {"size": {"allowed": ["small", "large"]}}})
    values = {"size": ["small", "huge", None, "smal"]}
    with opened(values, contract) as data:
        option = found(data, "not_allowed").option("extend")
        assert option.parameters == {"values": ["huge"]}
        assert chosen_values(data, found(data, "not_allowed"), "extend", "size") == values["size"]
    with opened(values, extended(contract, "size", option.parameters["values"])) as data:
        assert found(data, "not_allowed").count == 1


def test_values_that_are_not_allowed_are_mapped_by_the_pilot():
    contract = Contract.model_validate({"columns": {"size": {"allowed": ["small", "large"]}}})
    with opened({"size": ["small", "huge", "tiny"]}, contract) as data:
        issue = found(data, "not_allowed")
        wanted = {"huge": "large", "tiny": "small"}
        assert chosen_values(data, issue, "map", "size", values=wanted) == ["small", "large", "small"]


@pytest.mark.parametrize(
    ("common", "rare"),
    [
        (["delivered", "returned", "pending"], "undelivered"),
        (["bezahlt", "offen", "storniert"], "unbezahlt"),
        (["hypertension", "diabetes", "asthma"], "hypotension"),
        (["Nitrate", "Phosphate", "Carbonate"], "Nitrite"),
        (["Trainer", "Manager", "Clerk"], "Trainee"),
        (["Iraq", "Germany", "France", "Spain"], "Iran"),
        (["Juni", "August", "Oktober"], "Juli"),
    ],
)
def test_what_makes_another_word_of_one_is_no_slip(common, rare):
    values = [name for name in common for _ in range(50)]
    with opened({"status": [*values, rare]}) as data:
        assert found(data, "typo", missing_ok=True) is None
    slip = common[0][:2] + common[0][3:]
    with opened({"status": [*values, slip]}) as data:
        assert recommended_values(data, found(data, "typo"), "status") == [*values, common[0]]


def test_a_unit_in_capitals_is_not_the_others_in_small_letters():
    doses = [f"{100 + 50 * (n % 5)} mg" for n in range(60)]
    with opened({"dose": [*doses, "2 IU", "5 IU"]}) as data:
        assert found(data, "unusual_case", missing_ok=True) is None
    with opened({"dose": [*doses, "225 MG"]}) as data:
        assert recommended_values(data, found(data, "unusual_case"), "dose")[-1] == "225 mg"
