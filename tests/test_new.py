"""From files to a study.yaml that can be run, through the command line."""

import duckdb
import numpy as np
import openpyxl
import pandas as pd
import pytest
import yaml
from worlds import shop_tables

from seglib import cli, privacy, study
from seglib.collection import activity, audit, features, scales, tables
from seglib.layout import TransactionColumns

AGREE = ["Strongly disagree", "Disagree", "Neutral", "Agree", "Strongly agree"]
START = pd.Timestamp("2023-01-02")


def messy_shop(people=120, seed=5, order="%d/%m/%Y %H:%M"):
    """Return lines of a shop's export: returns are negative quantities, guests have no number."""
    rng, rows = np.random.default_rng(seed), []
    for person in range(people):
        for _ in range(3 + rng.poisson([9, 5, 2][person % 3])):
            when = START + pd.Timedelta(minutes=int(rng.integers(0, 420 * 24 * 60)))
            guest, ticket = rng.random() < 0.3, 10_000 + len(rows)
            for item in rng.choice(40, 1 + rng.poisson(2), replace=False):
                units = int(rng.choice([1, 1, 2, 3])) * (-1 if rng.random() < 0.04 else 1)
                rows.append(
                    (
                        ticket,
                        when,
                        None if guest else f"K{person:05d}",
                        f"A-{item:03d}",
                        f"Käse Größe {item}",
                        units,
                        1.5 + item / 4,
                        ["Köln", "Bonn"][person % 2],
                    )
                )
    columns = ["Beleg-Nr", "Datum", "Kundennr", "Artikelnr", "Bezeichnung", "Menge", "Einzelpreis",
               "Filiale"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns).sort_values("Datum", ignore_index=True)
    return frame.assign(Datum=frame["Datum"].dt.strftime(order))


def form(people=90, seed=2):
    """Return answers as a form exports them."""
    rng = np.random.default_rng(seed)
    lean = np.where(np.arange(people) % 2, 1, -1)

    def asked(sign):
        x = sign * lean + rng.normal(size=people)
        return pd.cut(x, [-9, -1.2, -0.4, 0.4, 1.2, 9], labels=AGREE).astype(str)

    when = pd.Timestamp("2024-03-01 09:00") + pd.to_timedelta(range(people), unit="h") * 5
    return pd.DataFrame({
        "Timestamp": when.strftime("%m/%d/%Y %H:%M:%S"),
        "Email Address": [f"person{i}@example.org" for i in range(people)],
        "I enjoy trying new dishes": asked(1),
        "I plan my meals ahead": asked(-1),
        "How much do you agree? [Price matters most]": asked(1),
        "How likely are you to recommend us? (0-10)": rng.integers(3, 11, people),
        "What is your age?": rng.choice(["Under 18", "18-24", "25-34", "55+"], people),
        "Household income": rng.choice(
            ["Less than $25,000", "$25,000 - $49,999", "$50,000 or more", "Prefer not to say"],
            people),
        "Where do you live?": rng.choice(["City", "Suburb", "Countryside"], people),
        "Anything else?": [f"I liked number {i} because it was good" for i in range(people)],
    })  # fmt: skip


def events(people=80, seed=3):
    """Return what users did, without money."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(people):
        for _ in range(4 + rng.poisson(20 if user % 3 == 0 else 6)):
            when = pd.Timestamp("2024-01-01") + pd.Timedelta(
                seconds=int(rng.integers(0, 120 * 86400))
            )
            rows.append((f"u{user:04d}", rng.choice(["login", "search", "export"]), when))
    return pd.DataFrame(rows, columns=["user_id", "event", "timestamp"])


def begun(words, folder, monkeypatch):
    """Run `seglib new` in a folder and return the study.yaml it wrote, as text and as a mapping."""
    monkeypatch.chdir(folder)
    assert cli.main(["new", *words]) == 0
    path = next(folder.glob("data/*/study.yaml"))
    return path, path.read_text(), yaml.safe_load(path.read_text())


def test_a_messy_shop_export_is_understood_and_sound(tmp_path, monkeypatch, capsys):
    messy_shop().to_csv(
        tmp_path / "Mein Export.csv", sep=";", decimal=",", encoding="latin-1", index=False
    )
    path, text, raw = begun(["Mein Export.csv"], tmp_path, monkeypatch)
    assert path.parent.name == "mein_export"
    spec = raw["tables"]["transactions"]
    assert spec["columns"] == {
        "customer": "Kundennr", "time": "Datum", "order": "Beleg-Nr", "product": "Bezeichnung",
        "quantity": "Menge", "price": "Einzelpreis", "place": "Filiale",
    }  # fmt: skip
    assert spec["format"] == {"date": "DD/MM/YYYY", "decimal": ",", "encoding": "cp1252"}
    assert "of the rows have none" in text
    assert "Artikelnr: " in text.split("# left out")[1]
    capsys.readouterr()
    assert cli.main(["check", "mein_export"]) == 0
    said = capsys.readouterr().out
    assert "is sound" in said
    assert "no customer (transactions)" in said
    assert "negative amount" in said
    assert "what pays (no economics)" in said


def test_a_price_and_a_quantity_make_the_amount(tmp_path, monkeypatch):
    frame = messy_shop()
    frame.to_csv(tmp_path / "shop.csv", sep=";", decimal=",", index=False)
    path, _, _ = begun(["shop.csv"], tmp_path, monkeypatch)
    opened = tables.open_tables(study.load(path))["transactions"]
    expected = (frame["Menge"] * frame["Einzelpreis"]).sum()
    assert float(opened.amount.sum().execute()) == pytest.approx(expected)
    assert "price" not in opened.columns


def test_a_price_needs_a_quantity_and_excludes_an_amount(tmp_path, monkeypatch, capsys):
    messy_shop().to_csv(tmp_path / "shop.csv", index=False)
    path, text, _ = begun(["shop.csv"], tmp_path, monkeypatch)
    path.write_text("\n".join(line for line in text.splitlines() if "quantity:" not in line))
    assert cli.main(["check", str(path)]) == 2
    assert "`price` and `quantity`" in capsys.readouterr().err


def test_the_total_of_a_line_is_told_from_the_price_of_a_unit_by_values(tmp_path, monkeypatch):
    frame = messy_shop().rename(columns={"Einzelpreis": "Wert"})
    frame["Wert"] *= frame["Menge"]
    frame.to_csv(tmp_path / "shop.csv", index=False)
    _, _, raw = begun(["shop.csv"], tmp_path, monkeypatch)
    columns = raw["tables"]["transactions"]["columns"]
    assert columns["amount"] == "Wert"
    assert "price" not in columns


def test_where_amount_and_price_stand_side_by_side_the_amount_is_the_money(tmp_path, monkeypatch):
    frame = messy_shop()
    frame["Betrag"] = (frame["Menge"] * frame["Einzelpreis"]).round(2)
    frame.to_csv(tmp_path / "shop.csv", index=False)
    _, text, raw = begun(["shop.csv"], tmp_path, monkeypatch)
    assert raw["tables"]["transactions"]["columns"]["amount"] == "Betrag"
    assert "= Menge × Einzelpreis" in text


def test_months_first_are_told_by_values_and_doubt_is_a_question(tmp_path, monkeypatch, capsys):
    frame = messy_shop(order="%m/%d/%Y")
    frame.to_csv(tmp_path / "us.csv", index=False)
    _, _, raw = begun(["us.csv"], tmp_path, monkeypatch)
    assert raw["tables"]["transactions"]["format"]["date"] == "MM/DD/YYYY"
    early = frame[frame["Datum"].str.slice(3, 5).astype(int) <= 12]
    early.to_csv(tmp_path / "early.csv", index=False)
    capsys.readouterr()
    assert cli.main(["new", "early.csv"]) == 0
    assert "DD/MM/YYYY or MM/DD/YYYY" in capsys.readouterr().out
    path = tmp_path / "data/early/study.yaml"
    text = path.read_text()
    assert "# CHECK: 'Datum' holds" in text
    assert cli.main(["check", "early"]) == 2
    path.write_text(text.replace("    # format: {date: DD/", "    format: {date: DD/"))
    assert cli.main(["check", "early"]) == 0


def test_a_form_is_a_survey_whose_rows_are_people(tmp_path, monkeypatch, capsys):
    form().to_csv(tmp_path / "form.csv", index=False)
    path, text, raw = begun(["form.csv"], tmp_path, monkeypatch)
    spec = raw["tables"]["survey"]
    assert spec["columns"] == {"customer": "<row>"}
    about = spec["attributes"]
    assert about["I enjoy trying new dishes"]["levels"] == AGREE
    assert about["I enjoy trying new dishes"]["base"] == "psychographic"
    assert about["How much do you agree? [Price matters most]"]["label"] == "Price matters most"
    assert about["I enjoy trying new dishes"]["label"] == "“I enjoy trying new dishes”"
    assert "holdout" not in raw  # nothing comes after a survey
    assert about["How likely are you to recommend us? (0-10)"]["levels"] == list(range(11))
    assert about["What is your age?"]["levels"] == ["Under 18", "18-24", "25-34", "55+"]
    assert about["What is your age?"]["base"] == "demographic"
    assert about["Household income"]["levels"][0] == "Less than $25,000"
    assert about["Where do you live?"] == {
        "label": "Where do you live",
        "base": "geographic",
        "kind": "nominal",
    }
    assert "Email Address: personal data (e-mail address)" in text
    assert "Anything else?: free text" in text
    assert "@example.org" not in text
    assert raw["segmentation"]["bases"] == ["psychographic"]
    assert str(raw["as_of"]) == "2024-03-20"
    assert cli.main(["check", "form"]) == 0
    out = capsys.readouterr().out
    assert "motivations" not in out
    assert "whether they foretell what comes next (no transactions)" in out
    opened = tables.open_tables(study.load(path))["survey"]
    assert sorted(opened.customer.execute()) == list(range(1, 91))


def test_rows_number_people_in_the_order_of_the_file(tmp_path, monkeypatch):
    frame = form()
    frame.to_csv(tmp_path / "form.csv", index=False)
    path, _, _ = begun(["form.csv"], tmp_path, monkeypatch)
    opened = tables.open_tables(study.load(path))["survey"].execute().set_index("customer")
    lived = opened.sort_index()["Where do you live?"].tolist()
    assert lived == frame["Where do you live?"].tolist()


def test_an_event_log_has_no_money(tmp_path, monkeypatch, capsys):
    events().to_csv(tmp_path / "events.csv", index=False)
    _, _, raw = begun(["events.csv"], tmp_path, monkeypatch)
    used = {"event": "event"} if "event" in TransactionColumns.model_fields else {}
    assert raw["tables"]["transactions"]["columns"] == {
        "customer": "user_id",
        "time": "timestamp",
        **used,
    }
    assert raw["holdout"] == "28 days"
    capsys.readouterr()
    assert cli.main(["check", "events"]) == 0
    assert "spend (no amount)" in capsys.readouterr().out


def test_orders_and_customers_share_a_key(tmp_path, monkeypatch, capsys):
    shop = shop_tables()
    people = shop["customers"].assign(
        email=lambda f: [f"c{i}@example.org" for i in f["client"]],
        city=lambda f: np.where(f["client"] % 2, "Bonn", "Ulm"),
        Churn=lambda f: np.where(f["client"] % 5, "No", "Yes"),
    )
    shop["transactions"].to_parquet(tmp_path / "orders.parquet")
    people.rename(columns={"client": "id"}).to_csv(tmp_path / "people.csv", index=False)
    path, text, raw = begun(
        ["people.csv", "orders.parquet", "--name", "both"], tmp_path, monkeypatch
    )
    assert path.parent.name == "both"
    assert raw["tables"]["transactions"]["columns"] == {
        "customer": "client",
        "time": "at",
        "order": "ticket",
        "product": "sku",
        "amount": "paid",
        "discount": ["saved"],
    }  # fmt: skip; one unit in every line says nothing
    assert raw["tables"]["customers"]["columns"] == {"customer": "id"}
    assert "holds 100% of those in orders.parquet" in text
    assert set(raw["tables"]["customers"]["attributes"]) == {"truth", "age", "city"}
    assert raw["tables"]["customers"]["outcomes"] == {
        "Churn": {"label": "churned", "happened": "Yes"}
    }
    assert "'Churn' is taken as what happened afterwards ('Yes': it did)" in text
    assert cli.main(["check", "both"]) == 0


def test_all_five_tables_of_a_shop_find_their_places(tmp_path, monkeypatch, capsys):
    for name, table in shop_tables().items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    names = ["transactions", "customers", "products", "campaigns", "responses"]
    _, _, raw = begun([f"{name}.parquet" for name in names], tmp_path, monkeypatch)
    assert list(raw["tables"]) == [
        "transactions",
        "campaigns",
        "responses",
        "customers",
        "products",
    ]
    assert raw["tables"]["products"]["columns"] == {
        "product": "sku",
        "level": "category",
        "group": "department",
        "brand": "brand",
    }
    assert raw["tables"]["responses"]["columns"] == {
        "customer": "client",
        "campaign": "mailing",
        "time": "at",
    }
    assert raw["segmentation"]["bases"] == ["behavioural", "needs"]
    assert cli.main(["check", "transactions"]) == 0


def test_lines_of_orders_are_joined_with_the_orders(tmp_path, monkeypatch):
    lines = shop_tables()["transactions"].rename(columns={"ticket": "order_id"})
    heads = lines[["order_id", "client", "at"]].drop_duplicates("order_id")
    heads.to_csv(tmp_path / "orders.csv", index=False)
    lines[["order_id", "sku", "units", "paid"]].to_csv(tmp_path / "lines.csv", index=False)
    path, _, raw = begun(["orders.csv", "lines.csv"], tmp_path, monkeypatch)
    spec = raw["tables"]["transactions"]
    assert spec["lookup"]["key"] == "order_id"
    assert spec["columns"]["customer"] == "client"
    opened = tables.open_tables(study.load(path))["transactions"]
    assert opened.count().execute() == len(lines)


def test_the_same_roles_whatever_holds_the_table(tmp_path, monkeypatch):
    frame = events()
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True, date_format="iso")
    with duckdb.connect(str(tmp_path / "b.duckdb")) as connection:
        connection.register("frame", frame)
        connection.execute("CREATE TABLE log AS SELECT * FROM frame")
    book = openpyxl.Workbook()
    book.active.title = "Log"
    book.active.append(list(frame.columns))
    for user, event, when in frame.itertuples(index=False):
        book.active.append([user, event, when.to_pydatetime()])
    book.save(tmp_path / "c.xlsx")
    monkeypatch.chdir(tmp_path)
    found = []
    for source, name in (("a.jsonl", "a"), ("b.duckdb#log", "log"), ("c.xlsx#Log", "c")):
        assert cli.main(["new", source, "--name", name]) == 0
        raw = yaml.safe_load((tmp_path / "data" / name / "study.yaml").read_text())
        found.append(raw["tables"]["transactions"]["columns"])
    assert found[0] == found[1] == found[2]


def test_names_of_columns_are_not_believed_against_their_values(tmp_path, monkeypatch):
    frame = events().rename(columns={"user_id": "who"})
    frame["customer"] = np.where(frame["event"] == "login", "private", "business")
    frame.to_csv(tmp_path / "log.csv", index=False)
    _, text, raw = begun(["log.csv"], tmp_path, monkeypatch)
    assert raw["tables"]["transactions"]["columns"]["customer"] == "who"
    assert "CHECK: column 'who' is taken as the customer by its values alone" in text


def test_a_mistaken_date_does_not_move_the_cut(tmp_path, monkeypatch):
    frame = events()
    frame.loc[0, "timestamp"] = pd.Timestamp("2199-01-01")
    frame.to_csv(tmp_path / "log.csv", index=False)
    _, text, raw = begun(["log.csv"], tmp_path, monkeypatch)
    assert str(raw["as_of"]).startswith("2024-0")
    assert "are the rest mistakes?" in text


def test_words_for_nothing_among_numbers_are_missing(tmp_path, monkeypatch):
    people = pd.DataFrame({
        "customer_id": range(1, 61), "income": [100.5 + i for i in range(59)] + ["n/a"],
        "support": ["None", "Phone", "Chat"] * 20,
    })  # fmt: skip
    people.to_csv(tmp_path / "people.csv", index=False)
    path, _, raw = begun(["people.csv"], tmp_path, monkeypatch)
    spec = raw["tables"]["customers"]
    assert spec["format"] == {"missing": ["n/a"]}
    assert spec["attributes"]["income"]["kind"] == "numeric"
    assert spec["attributes"]["support"]["kind"] == "nominal"
    assert tables.open_tables(study.load(path))["customers"].income.count().execute() == 59


def test_days_written_as_numbers_are_days(tmp_path, monkeypatch):
    frame = events().assign(timestamp=lambda f: f["timestamp"].dt.strftime("%Y%m%d"))
    frame.to_csv(tmp_path / "log.csv", index=False)
    path, _, raw = begun(["log.csv"], tmp_path, monkeypatch)
    assert raw["tables"]["transactions"]["format"] == {"date": "YYYYMMDD"}
    assert cli.main(["check", str(path)]) == 0


def test_nothing_is_overwritten(tmp_path, monkeypatch, capsys):
    events().to_csv(tmp_path / "log.csv", index=False)
    path, text, _ = begun(["log.csv"], tmp_path, monkeypatch)
    path.write_text(text + "# mine\n")
    assert cli.main(["new", "log.csv"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert path.read_text().endswith("# mine\n")


def test_the_same_file_gives_the_same_study(tmp_path, monkeypatch):
    form().to_csv(tmp_path / "form.csv", index=False)
    _, text, _ = begun(["form.csv"], tmp_path, monkeypatch)
    assert cli.main(["new", "form.csv", "--name", "form_2"]) == 0
    again = (tmp_path / "data/form_2/study.yaml").read_text()
    assert again.replace("form_2", "form").replace("Form 2", "Form") == text


def test_names_with_signs_of_yaml_are_quoted(tmp_path, monkeypatch):
    frame = form().rename(columns={"I plan my meals ahead": "{a}: 'b' # [c], *d & \"e\""})
    frame.to_csv(tmp_path / "form.csv", index=False)
    _, _, raw = begun(["form.csv"], tmp_path, monkeypatch)
    assert "{a}: 'b' # [c], *d & \"e\"" in raw["tables"]["survey"]["attributes"]
    assert cli.main(["check", "form"]) == 0


BAD = {
    # name: (content of a.csv, words that the message must hold)
    "no such file": (None, ["no file 'a.csv'"]),
    "empty": ("", ["a.csv is empty"]),
    "not text": (bytes(range(256)) * 4, ["not text"]),
    "names alone": ("customer_id,date\n", ["no rows"]),
    "one row": ("customer_id,date,amount\n1,2024-01-01,5\n", ["a.csv", "one row"]),
    "no customer": (
        "region,date,amount\n" + "".join(
            f"{'NS'[i % 2]},2024-01-{i % 28 + 1:02d},{i}.5\n" for i in range(90)),
        ["no column that looks like a customer", "region, date, amount", "customer_id"],
    ),
    "no dates": (
        "customer_id,amount\n" + "".join(f"{i % 30},{i}.5\n" for i in range(90)),
        ["several rows for each 'customer_id'", "no column of dates"],
    ),
    "one column": ("a\n" + "x\n" * 40, ["no column that looks like a customer"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_a_study_is_refused_in_a_sentence(tmp_path, monkeypatch, capsys, name):
    content, words = BAD[name]
    if content is not None:
        (tmp_path / "a.csv").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new", "a.csv"]) == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    assert all(word in said for word in words), said
    assert not (tmp_path / "data").exists()


def test_check_refuses_data_that_stop_a_run(tmp_path, monkeypatch, capsys):
    frame = events(people=20)
    frame.to_csv(tmp_path / "log.csv", index=False)
    begun(["log.csv"], tmp_path, monkeypatch)
    assert cli.main(["check", "log"]) == 2
    assert "only 20 customers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["Agree", "Disagree", "Strongly agree"], ["Disagree", "Agree", "Strongly agree"]),
        (["65+", "Under 18", "18-24"], ["Under 18", "18-24", "65+"]),
        (["25-34K", "Under 15K", "15-24K", "250K+"], ["Under 15K", "15-24K", "25-34K", "250K+"]),
        (["3+", "0", "2", "1"], ["0", "1", "2", "3+"]),
        (["30 bis 49", "unter 30", "50 und älter"], ["unter 30", "30 bis 49", "50 und älter"]),
        (["Zufrieden", "Sehr zufrieden", "Unzufrieden"],
         ["Unzufrieden", "Zufrieden", "Sehr zufrieden"]),
        (["Always", "Never", "Sometimes", "Don't know"], ["Never", "Sometimes", "Always"]),
        (["Male", "Female"], None),
        (["1", "2", "3"], None),
        (["10-20", "15-25"], None),
        (["2020-01", "2020-02"], None),
        (["Agree", "Berlin", "Paris"], None),
    ],
)  # fmt: skip
def test_usual_answers_are_put_in_order_and_others_are_not(texts, expected):
    found = scales.ordered(texts)
    assert (found[1] if found else None) == expected


def test_products_without_a_table_of_products_have_features(tmp_path, monkeypatch):
    messy_shop().to_csv(tmp_path / "shop.csv", sep=";", decimal=",", index=False)
    path, _, _ = begun(["shop.csv"], tmp_path, monkeypatch)
    loaded = study.load(path)
    clean, _ = audit.inspect(loaded, tables.open_tables(loaded), loaded.as_of)
    frame, lines = features.products(activity.facts(loaded, clean, loaded.as_of))
    assert len(frame) == 40
    assert "own_label_share" not in {line["name"] for line in lines}


def test_the_few_comments_of_a_form_are_not_shown_where_one_holds_a_telephone(
    tmp_path, monkeypatch
):
    rows = form()
    rows["Comments"] = np.resize(["Fine", "Call me: 0171 5551234", "No"], len(rows))
    rows.to_csv(tmp_path / "form.csv", index=False)
    _, text, raw = begun(["form.csv"], tmp_path, monkeypatch)
    assert "Comments" not in raw["tables"]["survey"]["attributes"]
    assert "Comments: personal data (telephone numbers)" in text and "0171" not in text


def test_a_table_told_apart_by_e_mails_alone_is_taken_row_by_row_with_a_doubt(
    tmp_path, monkeypatch
):
    n = 300
    rng = np.random.default_rng(1)
    pd.DataFrame({
        "email": [f"p{i}@planted.example.com" for i in range(n)], "age": rng.integers(18, 80, n),
        "plan": rng.choice(["free", "pro"], n), "tenure": rng.integers(1, 60, n),
    }).to_csv(tmp_path / "subs.csv", index=False)  # fmt: skip
    _, text, raw = begun(["subs.csv"], tmp_path, monkeypatch)
    assert raw["tables"]["customers"]["columns"] == {"customer": "<row>"}
    assert "# CHECK: each row is taken as one customer: 'email' tells them apart" in text
    assert "p1@" not in text


def test_orders_whose_dates_are_not_understood_are_doubted_as_customers(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    days = pd.Timestamp("2022-01-05") + pd.to_timedelta(rng.integers(0, 500, 600), "D")
    pd.DataFrame({
        "Order No": range(1000, 1600), "Client": [f"C{i:04d}" for i in rng.integers(0, 110, 600)],
        "Ordered on": days.strftime("week %V of %Y"), "Total": rng.gamma(2, 9, 600).round(2),
    }).to_csv(tmp_path / "sales.csv", index=False)  # fmt: skip
    _, text, _ = begun(["sales.csv"], tmp_path, monkeypatch)
    assert "# CHECK: each row is taken as one customer, but 'Client' returns in several" in text


def test_handles_are_personal_data(tmp_path, monkeypatch):
    rows = form()
    rows["Instagram handle"] = [f"@user_{i}x" for i in range(len(rows))]
    rows.to_csv(tmp_path / "form.csv", index=False)
    _, text, raw = begun(["form.csv"], tmp_path, monkeypatch)
    assert raw["tables"]["survey"]["columns"] == {"customer": "<row>"}
    assert "Instagram handle: personal data (user name)" in text
    assert privacy.within("@user_7x") == "user names"
    assert privacy.within("@ 5 pm") is None


def test_a_time_that_reads_two_ways_is_asked_about_where_it_dates_a_survey(tmp_path, monkeypatch):
    rows = form()
    days = pd.Timestamp("2023-03-01") + pd.to_timedelta(np.arange(len(rows)) % 7, "D")
    rows["Timestamp"] = [f"{d.month}/{d.day}/{d.year} 10:00:00" for d in days]
    rows.to_csv(tmp_path / "form.csv", index=False)
    _, text, _ = begun(["form.csv"], tmp_path, monkeypatch)
    assert "# CHECK: 'Timestamp' reads two ways, DD/MM/YYYY or MM/DD/YYYY" in text


def lines_of_orders(people=60, seed=4):
    """Return lines of orders, several of each, with the order's total in all of them."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(400):
        person, lines = int(rng.integers(people)), int(rng.integers(1, 4))
        when = START + pd.Timedelta(days=int(rng.integers(420)))
        items = rng.choice(20, lines, replace=False)
        total = round(float(5.5 * lines + number % 97 / 10), 2)
        rows += [(f"#{number}", when, f"C{person:03d}", f"Item {i}", i % 4, total) for i in items]
    names = ["Order", "Date", "Customer", "Item name", "Category", "Grand total"]
    return pd.DataFrame(rows, columns=names).assign(Category=lambda f: "Kind " + f[
        "Category"].astype(str))  # fmt: skip


def test_a_total_that_each_line_of_an_order_repeats_is_not_added_up(tmp_path, monkeypatch, capsys):
    lines_of_orders().to_csv(tmp_path / "a.csv", index=False)
    _, text, raw = begun(["a.csv"], tmp_path, monkeypatch)
    assert "amount" not in raw["tables"]["transactions"]["columns"]
    assert "# CHECK: 'Grand total' is the total of an order, repeated in each of its lines" in text


def test_a_total_given_once_an_order_is_its_amount(tmp_path, monkeypatch):
    frame = lines_of_orders()
    frame["Grand total"] = frame["Grand total"].where(~frame["Order"].duplicated())
    frame.to_csv(tmp_path / "a.csv", index=False)
    _, text, raw = begun(["a.csv"], tmp_path, monkeypatch)
    assert raw["tables"]["transactions"]["columns"]["amount"] == "Grand total"
    assert "Grand total stands in one of its lines" in text


def test_a_column_of_the_orders_that_groups_products_is_their_group(tmp_path, monkeypatch):
    lines_of_orders().to_csv(tmp_path / "a.csv", index=False)
    path, _, raw = begun(["a.csv"], tmp_path, monkeypatch)
    products = raw["tables"]["products"]["columns"]
    assert products == {"product": "Item name", "level": "Category", "group": "Category"}
    opened = tables.open_tables(study.load(path))["products"]
    assert opened.count().execute() == 20


def test_a_table_of_products_may_be_keyed_by_name(tmp_path, monkeypatch):
    lines_of_orders().drop(columns="Category").to_csv(tmp_path / "a.csv", index=False)
    items = pd.DataFrame({"Item name": [f"Item {i}" for i in range(20)],
                          "Department": ["Food", "Home"] * 10})  # fmt: skip
    items.to_csv(tmp_path / "items.csv", index=False)
    _, _, raw = begun(["a.csv", "items.csv"], tmp_path, monkeypatch)
    assert raw["tables"]["products"]["columns"]["product"] == "Item name"
    assert raw["tables"]["products"]["columns"]["group"] == "Department"


def test_few_customers_are_said_at_once_with_what_they_allow(tmp_path, monkeypatch):
    lines_of_orders(people=50).to_csv(tmp_path / "a.csv", index=False)
    _, text, _ = begun(["a.csv"], tmp_path, monkeypatch)
    assert "# CHECK: 50 customers are few: two segments at most" in text


def test_rows_of_guests_have_no_customer(tmp_path, monkeypatch):
    frame = lines_of_orders()
    frame.loc[:29, "Customer"] = "Guest"
    frame.to_csv(tmp_path / "a.csv", index=False)
    path, text, raw = begun(["a.csv"], tmp_path, monkeypatch)
    assert raw["tables"]["transactions"]["placeholders"] == ["Guest"]
    assert "# CHECK: 30 of" in text
    opened = tables.open_tables(study.load(path))["transactions"]
    assert opened.customer.isnull().sum().execute() == 30


def test_an_id_of_0_among_short_ids_is_a_customer(tmp_path, monkeypatch):
    frame = lines_of_orders()
    frame["Customer"] = frame["Customer"].str[1:].astype(int)
    frame.to_csv(tmp_path / "a.csv", index=False)
    _, _, raw = begun(["a.csv"], tmp_path, monkeypatch)
    assert "placeholders" not in raw["tables"]["transactions"]


def test_boxes_and_previews_of_a_survey_are_read_so(tmp_path, monkeypatch):
    rows = form().rename(columns={"Timestamp": "RecordedDate"}).drop(columns="Email Address")
    rows["Status"] = np.where(np.arange(len(rows)) % 30, "IP Address", "Survey Preview")
    for name in ("Radio", "Press"):
        rows[f"Heard of us: {name}"] = np.where(np.arange(len(rows)) % 2, name, None)
    rows.to_csv(tmp_path / "a.csv", index=False)
    path, text, raw = begun(["a.csv"], tmp_path, monkeypatch)
    spec = raw["tables"]["survey"]
    assert (spec["columns"]["status"], spec["excluded"]) == ("Status", ["Survey Preview"])
    assert "an empty cell is taken as No" in text
    opened = tables.open_tables(study.load(path))["survey"].execute()
    assert len(opened) == 87 and "status" not in opened
    assert set(opened["Heard of us: Radio"]) == {"Radio", "No"}
