"""What points at a person is kept out, few are hidden, and ids may become pseudonyms."""

import re

import numpy as np
import pandas as pd
import pytest
from runs import known, shop_run
from scipy.optimize import Bounds, LinearConstraint, milp
from worlds import shop_study, shop_tables, write_shop

from seglib import privacy, runner, runs
from seglib.clustering import scoring
from seglib.collection import features
from seglib.study import StudyError

PEOPLE = ["Anna Becker", "John O'Brien", "María García", "Priya Sharma", "Liam Smith", "Emma Brown"]
FOUND = {
    "anna.becker@planted.example.com": "e-mail addresses",
    "write to a.b+c@web.de, thanks": "e-mail addresses",
    "anna at planted dot com": "e-mail addresses",
    "anna(at)planted.de": "e-mail addresses",
    "+49 171 2345678": "telephone numbers",
    "(212) 555-0187": "telephone numbers",
    "call me: 020 7946 0958 after six": "telephone numbers",
    "06 12 34 56 78": "telephone numbers",
    "0171/2345678": "telephone numbers",
    "4111 1111 1111 1111": "card numbers",
    "my card 5500-0000-0000-0004": "card numbers",
    "DE89 3704 0044 0532 0130 00": "bank accounts",
    "GB82WEST12345698765432": "bank accounts",
    "221B Baker Street": "addresses",
    "Lindenstraße 12": "addresses",
    "12 rue de la Paix": "addresses",
    "123-45-6789": "identity numbers",
}
NOTHING = [
    "2017-10-01 12:00", "01.10.2017", "31/12/2023 17:05", "12,345,678", "100-124K", "19-24",
    "1234567890123", "4111 1111 1111 1112", "DE88 3704 0044 0532 0130 00", "40.7128 -74.0060",
    "Strongly agree", "500 ml bottle, 24 pack", "3 times on my way home", "978-3-16-148410-0",
    "Order 2017-10-01-0001", "0 - 100 000", "5 stars", "@home", "25,000 to 49,999", "192.168.1.100",
    "I bought it at amazon.com", "look at the dot on the i", "we meet at 5",
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), FOUND.items())
def test_one_value_among_many_is_enough_where_its_form_leaves_no_doubt(text, reason):
    assert privacy.within(text) == reason
    assert privacy.personal(["good", "bad", None, text], "answer") == reason


@pytest.mark.parametrize("text", NOTHING)
def test_numbers_dates_and_codes_are_no_persons(text):
    assert privacy.within(text) is None
    assert privacy.personal([text, "other"], "answer") is None


def test_names_of_persons_are_known_without_the_name_of_the_column():
    assert privacy.personal(PEOPLE, "x") == "names of persons"
    assert privacy.personal([f"{n.split()[1]}, {n.split()[0]}" for n in PEOPLE], "x")


def test_categories_cities_and_plans_are_no_names():
    shelves = ["Fresh Bakery", "Baby Care", "Rose Wine", "Frozen Food", "Paper Goods", "Deli"]
    cities = ["Paris", "Florence", "Charlotte", "Houston", "Dallas", "Austin", "Denver", "Boston"]
    assert privacy.personal(shelves, "category") is None
    assert privacy.personal(cities, "city") is None
    assert privacy.personal(["Basic", "Pro", "Team"], "plan name") is None
    assert privacy.personal(["yes", "no"], "email") is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [("E-Mail", "e-mail addresses"), ("phone_number", "telephone numbers"),
     ("customerName", "names of persons"), ("Nachname", "names of persons"),
     ("street_address", "addresses"), ("date_of_birth", "dates of birth"),
     ("IBAN", "bank accounts")],
)  # fmt: skip
def test_the_name_of_a_column_is_enough_where_values_do_not_speak_against_it(name, reason):
    assert privacy.personal([f"value {i}" for i in range(40)], name) == reason
    assert privacy.personal([], name) == reason


@pytest.mark.parametrize(
    "name", ["brand_name", "age", "household_size", "segment", "state", "tel_aviv"]
)
def test_other_names_of_columns_say_nothing(name):
    assert privacy.personal([f"value {i}" for i in range(40)], name) is None


def test_whole_numbers_can_be_telephones_and_missing_values_are_nobody():
    assert privacy.personal(["0171234567", "0301234567", "0691234567"], "x") == "telephone numbers"
    assert privacy.personal([None, float("nan")], "x") is None
    assert privacy.personal([1.0, 2.0, 3.5], "spend") is None


def test_answers_in_own_words_are_free_text():
    own = [f"I like the {thing} because it is so fresh" for thing in "abcdefghijklmnop"]
    assert privacy.personal(own, "why") == "free text"
    assert privacy.personal(own[:2] * 20, "why") is None


def test_nothing_in_the_shop_is_personal():
    for table in shop_tables().values():
        for name, column in table.items():
            assert privacy.personal(column, name) is None, name


def test_ids_are_of_persons_if_their_name_says_so():
    masked = ["DE00XXXX1234", "DE00XXXX9876"]
    assert privacy.ids(masked, "IBAN") == "bank accounts"
    assert privacy.ids(masked, "customer") is None
    assert privacy.ids(["17", "18"], "Account number") is None


def test_ten_digits_are_telephones_where_most_can_be_dialled():
    numbers = [f"21255502{i:02d}" for i in range(60)]
    assert privacy.personal(numbers, "line") == "telephone numbers"
    assert privacy.personal([int(n) for n in numbers], "line") == "telephone numbers"
    orders = [str(1700000000 + 977 * i) for i in range(60)]
    assert privacy.personal(orders, "order") is None
    assert privacy.ids(numbers, "client") is None  # a series that begins with 212555


def test_names_of_columns_files_and_campaigns_are_looked_at():
    assert privacy.called("eve@post.com") == "e-mail addresses"
    assert privacy.called("Contacted via phone 2") is None
    assert privacy.masked("raw/eve@post.com.csv") == "(e-mail addresses in its name)"
    assert privacy.masked("raw/orders_2024-01-01.csv") == "raw/orders_2024-01-01.csv"
    assert privacy.is_pair("Anna Becker")
    assert not any(map(privacy.is_pair, ["May Day", "Summer Sale", "Letter", "Black Friday"]))


# --- small counts ---------------------------------------------------------------------------------


def with_totals(counts):
    rows = np.hstack([counts, counts.sum(axis=1, keepdims=True)])
    return np.vstack([rows, rows.sum(axis=0, keepdims=True)])


def solved(table, mask):
    """Return the range of whole numbers that each hidden cell can have, by integer programs."""
    places = [tuple(p) for p in np.argwhere(mask)]
    rows, rights = [], []
    lines = [[(r, c) for c in range(table.shape[1])] for r in range(table.shape[0])]
    if len(table) > 1:
        lines += [[(r, c) for r in range(table.shape[0])] for c in range(table.shape[1])]
    for line in lines:
        row, known = np.zeros(len(places)), 0.0
        for place in line:
            sign = -1 if place == line[-1] else 1
            if mask[place]:
                row[places.index(place)] = sign
            else:
                known += sign * table[place]
        rows.append(row)
        rights.append(-known)
    rule = LinearConstraint(np.array(rows), rights, rights)
    found = {}
    for i, place in enumerate(places):
        ends = []
        for way in (1, -1):
            goal = np.zeros(len(places))
            goal[i] = way
            best = milp(goal, constraints=rule, integrality=np.ones(len(places)),
                        bounds=Bounds(0, np.inf))  # fmt: skip
            ends.append(way * best.fun if best.fun is not None else np.inf)
        found[place] = tuple(ends)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_no_small_cell_of_a_table_can_be_worked_out(seed):
    rng = np.random.default_rng(seed)
    counts = rng.negative_binomial(0.8, 0.02, size=rng.integers(2, 6, size=2)).astype(float)
    table, mask = with_totals(counts), privacy.hidden(counts, 10)
    assert mask[table < 10].all()
    ranges = solved(table, mask)
    for place in zip(*np.nonzero(table < 10), strict=True):
        low, high = ranges[place]
        assert high - low >= 10, (place, low, high)


@pytest.mark.parametrize("seed", range(12))
def test_no_small_cell_of_a_list_with_a_total_can_be_worked_out(seed):
    rng = np.random.default_rng(seed)
    counts = rng.negative_binomial(0.8, 0.02, size=rng.integers(2, 7)).astype(float)
    table, mask = np.append(counts, counts.sum())[None], privacy.hidden(counts, 10)[None]
    for place, (low, high) in solved(table, mask).items():
        if table[place] < 10:
            assert high - low >= 10


def test_hiding_the_small_cells_alone_would_give_them_away():
    counts = np.array([[3.0, 40.0], [50.0, 60.0]])
    table = with_totals(counts)
    assert solved(table, table < 10) == {(0, 0): (3, 3)}  # the attacker of these tests succeeds


def test_nothing_is_hidden_where_nothing_is_small():
    assert not privacy.hidden([10, 200, 30], 10).any()
    assert not privacy.hidden(np.full((3, 4), 25), 10).any()


def test_one_small_segment_takes_the_smallest_other_with_it():
    assert list(privacy.hidden([3, 40, 500], 10)) == [True, True, False, False]


def test_a_table_of_two_segments_hides_both_sizes_but_not_their_sum():
    assert list(privacy.hidden([4, 96], 10)) == [True, True, False]


def test_counts_are_written_with_what_is_not_shown():
    counts = pd.Series({"a": 1234, "b": 30, "c": 5})
    assert list(privacy.written(counts, 10)) == ["1,234", "not shown", "not shown"]
    assert privacy.shown(counts, 10).isna().sum() == 2


def test_a_share_tells_of_few_who_did_and_of_few_who_did_not():
    assert [n for n in range(21) if privacy.tells(n, 20, 5)] == [*range(1, 5), *range(16, 20)]
    assert privacy.tells(0.98 * 200, 200, 10) and not privacy.tells(200, 200, 10)


def test_of_whom_a_column_is_known_is_hidden_where_it_tells_of_few():
    known = {"all": 100, "nobody": 0, "most": 97, "hardly any": 3, "half": 50}
    frame = pd.DataFrame({name: [1.0] * n + [None] * (100 - n) for name, n in known.items()})
    shares = privacy.known(frame, 10)
    assert shares.dropna().to_dict() == {"all": 1.0, "nobody": 0.0, "half": 0.5}


def test_of_no_columns_nothing_is_known():
    assert privacy.known(pd.DataFrame(index=range(5)), 10).empty


def test_figures_that_tell_the_same_count_are_hidden_together():
    """A share tells how many do and do not; beside the total of two segments it tells the other."""
    counts, groups = [5, 55, 30, 30], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],
                                       [1, 0, 1, 0], [0, 1, 0, 1]]  # fmt: skip
    mask = privacy.linked(counts, groups, 10, figures=[1, 1, 2, 2, 3, 3])
    assert mask.tolist() == [True, True, True, True, False, False]


def test_nobody_is_no_small_number_of_those_who_did():
    assert not privacy.linked([0, 60, 30, 30], np.eye(4), 10, figures=[1, 1, 2, 2]).any()


# --- pseudonyms -----------------------------------------------------------------------------------


KEY = "a key of the tests, long enough"
ASKED = {"privacy": {"pseudonymise": "SHOP_KEY"}}


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("SHOP_KEY", KEY)


def people(path):
    return features.customers(known(path).facts)[0]


def test_runs_at_two_dates_match_and_a_rule_scores_both(key, tmp_path):
    path = write_shop(tmp_path, study=shop_study() | ASKED)
    early, late = shop_run(path, as_of="2023-07-01"), shop_run(path)
    first, second = (r.read("segments.parquet") for r in (early, late))
    assert len(first.index.intersection(second.index)) > 190
    assert first.index.str.fullmatch(r"[0-9a-f]{32}").all()
    found = scoring.score(early.folder, late.folder / "customers.parquet")
    assert set(found.members.index) == set(second.index)


def test_a_run_under_another_key_is_no_earlier_run(key, tmp_path, monkeypatch):
    path = write_shop(tmp_path, study=shop_study() | ASKED)
    early = shop_run(path, as_of="2023-07-01")
    early.write("privacy.json", {"pseudonyms": privacy.pseudonym_mark(early.study), "kept_out": []})
    late = runs.open_run(path)
    assert late.predecessor("segments.parquet").as_of == early.as_of
    assert late.numbering()["as_of"] == "2023-07-01"
    monkeypatch.setenv("SHOP_KEY", KEY + "!")
    assert late.predecessor("segments.parquet") is None
    assert late.numbering() is None


def test_a_key_that_could_be_guessed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_KEY", "short")
    with pytest.raises(StudyError, match="5 characters"):
        people(write_shop(tmp_path, study=shop_study() | ASKED))


def test_a_change_of_the_key_is_a_change_of_the_input(key, tmp_path, monkeypatch):
    current = runs.open_run(write_shop(tmp_path, study=shop_study() | ASKED))
    one = runner._fingerprint(current, {})
    monkeypatch.setenv("SHOP_KEY", KEY + "!")
    assert runner._fingerprint(current, {}) != one


def mailed(folder, **keys):
    shop = shop_tables()
    for table in shop.values():
        if "client" in table:
            table["client"] = table["client"].map("p{}@shop.net".format)
    return write_shop(folder, shop, shop_study() | keys)


def test_ids_that_are_addresses_are_refused_unless_the_study_says_what_to_do(key, tmp_path):
    with pytest.raises(StudyError, match=r"customer: 'client' holds e-mail.*privacy.keep"):
        people(mailed(tmp_path / "a"))
    assert people(mailed(tmp_path / "b", privacy={"keep": ["client"]})).index[0].endswith("net")
    frame = people(mailed(tmp_path / "c", **ASKED))
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in frame.index)


def contacts(folder, **keys):
    shop, raw = shop_tables(), shop_study()
    shop["customers"]["mail"] = [f"p{i}@shop.net" for i in range(200)]
    raw["tables"]["customers"]["attributes"]["mail"] = {"base": "plan"}
    return write_shop(folder, shop, raw | keys)


def test_a_personal_column_that_the_study_keeps_is_kept(tmp_path):
    frame = people(contacts(tmp_path / "a", privacy={"keep": ["mail"]}))
    assert frame["mail"].notna().all()
    assert "mail" not in people(contacts(tmp_path / "b"))


def test_a_personal_column_may_not_form_segments(tmp_path):
    asked = {"bases": ["behavioural", "plan"], "features": ["orders", "mail"]}
    with pytest.raises(StudyError, match=r"features: 'mail' holds e-mail.*privacy.keep"):
        people(contacts(tmp_path, segmentation=asked))
