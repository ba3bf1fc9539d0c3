"""What points at persons is told from what only looks like it."""

import pytest
from worlds import shop_tables

from seglib import privacy

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
