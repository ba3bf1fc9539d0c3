"""The same study from Parquet files and from a PostgreSQL server."""

import socket
import threading

import numpy as np
import pandas as pd
import psycopg
import pytest
import server
import test_usage
import yaml
from worlds import shop_study, shop_tables, write_shop

from seglib import cli, runs, study
from seglib.collection import activity, audit, features, tables


@pytest.fixture(scope="module")
def address():
    with server.cluster() as url:
        yield url


def wide_shop():
    """Return a shop with all roles, ids that sort differently by language, zones, decimals."""
    shop, raw = shop_tables(), shop_study()
    rng = np.random.default_rng(3)
    sold = shop["transactions"]
    kinds = np.array(["b-", "B-", "ä_", "a "])
    for table in ("transactions", "customers", "campaigns", "responses"):
        number = shop[table]["client"]
        shop[table]["client"] = kinds[number % 4] + number.astype(str)
    sold.loc[rng.random(len(sold)) < 0.02, "paid"] *= -1
    sold.loc[:40, "client"] = None
    sold["voucher"] = np.where(rng.random(len(sold)) < 0.1, 0.25, 0.0)
    sold["shop"] = rng.integers(1, 5, len(sold))
    sold["at"] = sold["at"].dt.tz_localize("UTC")
    people = shop["customers"]
    people["member"] = rng.random(len(people)) < 0.5
    people["height"] = rng.normal(1.7, 0.1, len(people))
    people["children"] = pd.array(rng.integers(0, 4, len(people)), "Int64")
    people.loc[:20, ["height", "children"]] = None
    shop["campaigns"]["arm"] = np.where(rng.random(len(shop["campaigns"])) < 0.5, "Letter", "none")
    raw["timezone"] = {"local": "America/New_York"}
    raw["tables"]["transactions"]["columns"] |= {"coupon": "voucher", "place": "shop"}
    raw["tables"]["customers"]["attributes"] |= {
        "member": {}, "height": {"kind": "numeric"},
        "children": {"kind": "ordered", "levels": [0, 1, 2, 3]},
    }  # fmt: skip
    raw["tables"]["campaigns"]["columns"]["arm"] = "arm"
    return shop, raw


def on_server(raw, schema):
    """Return the same study with every source on the server."""
    for name, table in raw["tables"].items():
        table["source"] = f"${{SHOP_DATABASE}}#{schema}.{name}"
    return raw


def known(path):
    loaded = study.load(path)
    clean, checks = audit.audit(loaded, tables.open_tables(loaded), loaded.as_of)
    return activity.facts(loaded, clean, loaded.as_of), checks


@pytest.fixture(scope="module")
def both(address, tmp_path_factory):
    """What is known of the wide shop from files, and from the server."""
    shop, raw = wide_shop()
    folder = tmp_path_factory.mktemp("both")
    here = known(write_shop(folder / "files", tables=shop, study=raw))
    server.fill(address, shop, "wide")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_DATABASE", address)
        there = known(write_shop(folder / "server", tables={}, study=on_server(raw, "wide")))
    return here, there


def same(one, other):
    pd.testing.assert_frame_equal(one, other, rtol=1e-9, atol=1e-12)


def test_every_feature_of_customers_is_the_same(both):
    (here, _), (there, _) = both
    (one, lines), (other, other_lines) = features.customers(here), features.customers(there)
    same(one, other)
    assert lines == other_lines
    assert len(one.columns) == 14 + 4 + 4  # features but evenings, needs, attributes
    assert one.notna().mean().min() > 0.5


def test_every_feature_of_products_is_the_same(both):
    (here, _), (there, _) = both
    one, other = features.products(here)[0], features.products(there)[0]
    same(one, other)
    assert len(one) == 20


def test_every_check_of_quality_counts_the_same(both):
    assert both[0][1] == both[1][1]
    assert sum(check["failing"] > 0 for check in both[0][1]) >= 5


def dirty_shop():
    """Return a shop in which most checks find something, and whose ids become pseudonyms."""
    shop, raw = wide_shop()
    people, n = shop["customers"], len(shop["customers"])
    people["mail"] = [f"p{i}@shop.net" for i in range(n)]
    people.loc[4, "mail"] = "test@shop.net"
    people["left"] = ["2023-09-09" if i % 5 == 0 else "04.05.2023" for i in range(n)]
    people["country"] = "DE"
    raw["tables"]["customers"]["attributes"] |= {"mail": {}, "left": {}, "country": {}}
    rows = shop["transactions"]
    rows.loc[50:60, "at"] = pd.Timestamp("1970-01-01", tz="UTC")
    rows.loc[70:90, "units"] = -1
    shop["products"].loc[3, "category"] = "for p3@shop.net"
    answers = np.random.default_rng(1).integers(1, 4, (n, 6))
    shop["survey"] = pd.DataFrame(answers, columns=[f"q{i}" for i in range(6)])
    shop["survey"] = shop["survey"].assign(client=people["client"], seconds=np.arange(n) + 20.0)
    own = {"kind": "numeric", "base": "psychographic"}
    raw["tables"]["survey"] = {
        "source": "raw/survey.parquet", "columns": {"customer": "client"},
        "attributes": {name: own for name in shop["survey"] if name != "client"},
    }  # fmt: skip
    return shop, raw | {"privacy": {"pseudonymise": "SHOP_KEY"}, "limits": {"known_later": 0.5}}


def test_a_dirty_shop_is_cleaned_alike_with_the_same_pseudonyms(address, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_KEY", "a key of the tests, long enough")
    monkeypatch.setenv("SHOP_DATABASE", address)
    shop, raw = dirty_shop()
    server.fill(address, shop, "dirty")
    here = known(write_shop(tmp_path / "files", tables=shop, study=raw))
    there = known(write_shop(tmp_path / "server", tables={}, study=on_server(raw, "dirty")))
    assert here[1] == there[1]
    seen = {c["check"].split(" (")[0] for c in here[1] if c["failing"]}
    assert {
        "mail holds e-mail addresses",
        "test account",
        "dated far from all other rows",
        "negative quantity with a positive amount",
        "category holds e-mail addresses",
    } <= seen
    one, other = features.customers(here[0])[0], features.customers(there[0])[0]
    same(one, other)
    assert one.index.str.fullmatch("[0-9a-f]{32}").all()
    assert "mail" not in one and len(one) > 190


def test_what_followed_is_the_same(both):
    (here, _), (there, _) = both
    index = features.customers(here)[0].index
    same(activity.holdout(here, index), activity.holdout(there, index))
    same(activity.before(here, index), activity.before(there, index))
    assert activity.extent(here) == activity.extent(there)


@pytest.mark.parametrize("what", ["purchases", "monthly", "lines"])
def test_tables_for_later_notebooks_are_the_same_row_by_row(both, tmp_path, what):
    found = []
    for i, (facts, _) in enumerate(both):
        getattr(activity, what)(facts).to_parquet(tmp_path / f"{i}.parquet")
        found.append(pd.read_parquet(tmp_path / f"{i}.parquet"))
    same(*found)


class Wire:
    """A relay on the loopback that counts the bytes that a server sends."""

    def __init__(self, port):
        self.received, self.port = 0, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source, target, counted):
        while block := source.recv(1 << 16):
            self.received += len(block) * counted
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


def test_no_full_table_crosses_the_wire(address, tmp_path, monkeypatch):
    shop, raw = shop_tables(), shop_study() | {"limits": {"copies": 1}}
    many = pd.concat([shop["transactions"]] * 8, ignore_index=True)
    server.fill(address, shop | {"transactions": many}, "many")
    port = int(address.rsplit(":", 1)[1].split("/")[0])
    wire = Wire(port)
    relayed = wire.listener.getsockname()[1]
    monkeypatch.setenv("SHOP_DATABASE", address.replace(f":{port}/", f":{relayed}/"))
    facts, _ = known(write_shop(tmp_path, tables={}, study=on_server(raw, "many")))
    people = features.customers(facts)
    made = runs.Run(facts.study, facts.as_of, tmp_path / "out", 1)
    made.folder.mkdir()
    features.write(made, facts, {}, people, features.products(facts))
    with psycopg.connect(address) as connection:
        size = connection.execute("SELECT pg_table_size('many.transactions')").fetchone()[0]
    # what customers did by day (activity.parquet) comes over, the lines do not
    assert 0 < wire.received < size / 4, (wire.received, size)


WRONG = {
    # name: (address, source, words that the message must hold)
    "wrong password": (("s3cret-Word", "guess-Word"), "people", ["user or the password", "mend"]),
    "unknown user": (("shopkeeper", "burglar"), "people", ["user or the password", "mend"]),
    "no database": (("/postgres", "/postgers"), "people", ["no such database", "mend"]),
    "no server": ((":{port}/", ":1/"), "people", ["no server answers", "mend"]),
    "table missing": (("", ""), "crm2.customer", ["no table", "did you mean 'customers'"]),
    "schema missing": (("", ""), "crm3.customers", ["no schema 'crm3'", "did you mean 'crm"]),
    "not to be read": (("shopkeeper", "intern"), "crm2.customers", ["right to SELECT"]),
}


@pytest.fixture(scope="module")
def staffed(address):
    shop = shop_tables()
    server.fill(address, {"customers": shop["customers"]}, "crm2")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE intern LOGIN PASSWORD '{server.PASSWORD}'")
        connection.execute("GRANT USAGE ON SCHEMA crm2 TO intern")
    return address


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_server_is_told_without_its_address(
    staffed, tmp_path, monkeypatch, capsys, name
):
    (old, new), source, words = WRONG[name]
    port = staffed.rsplit(":", 1)[1].split("/")[0]
    monkeypatch.setenv("SHOP_DATABASE", staffed.replace(old.format(port=port), new))
    raw = shop_study()
    raw["tables"]["customers"]["source"] = f"${{SHOP_DATABASE}}#{source}"
    path = write_shop(tmp_path, study=raw)
    assert cli.main(["check", str(path)]) == 2
    said = capsys.readouterr().err
    assert [word for word in words if word not in said] == [], said
    assert "tables.customers.source: " in said
    for secret in (server.PASSWORD, "guess-Word", server.USER, "burglar", "127.0.0.1", port):
        assert secret not in said.replace(str(tmp_path), "")


def test_text_for_numbers_and_times_on_a_server_is_refused_with_the_cast(
    staffed, tmp_path, monkeypatch, capsys
):
    sold = shop_tables()["transactions"].head(100)
    sold = sold.assign(paid=sold["paid"].astype(str), at=sold["at"].dt.strftime("%d/%m/%Y"))
    server.fill(staffed, {"loose": sold}, "crm2")
    monkeypatch.setenv("SHOP_DATABASE", staffed)
    raw = shop_study()
    raw["tables"]["transactions"]["source"] = "${SHOP_DATABASE}#crm2.loose"
    path = write_shop(tmp_path, study=raw)
    assert cli.main(["check", str(path)]) == 2
    said = capsys.readouterr().err
    assert "'paid' is text on a server, expected numbers" in said
    assert 'CAST("paid" AS numeric) AS "paid"' in said
    assert 'CAST("at" AS timestamp) AS "at"' in said


def test_a_draft_of_dates_as_text_on_a_server_is_refused_with_the_cast(
    staffed, tmp_path, monkeypatch, capsys
):
    frame = pd.DataFrame({"client": [1, 1, 2], "at": ["31/12/2023", "01/02/2024", "03/02/2024"]})
    server.fill(staffed, {"dates": frame}, "crm2")
    monkeypatch.setenv("SHOP_DATABASE", staffed)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new", "${SHOP_DATABASE}#crm2.dates"]) == 2
    assert 'CAST("at" AS timestamp) AS "at"' in capsys.readouterr().err


def test_tables_of_several_engines_meet_on_that_of_the_transactions(address, tmp_path, monkeypatch):
    shop, raw = shop_tables(), shop_study()
    server.fill(address, {"transactions": shop["transactions"]}, "mixed")
    monkeypatch.setenv("SHOP_DATABASE", address)
    raw["tables"]["transactions"]["source"] = "${SHOP_DATABASE}#mixed.transactions"
    mixed, _ = known(write_shop(tmp_path / "mixed", tables=shop, study=raw))
    here, _ = known(write_shop(tmp_path / "files", tables=shop))
    same(features.customers(here)[0], features.customers(mixed)[0])


def test_every_feature_of_use_is_the_same(address, tmp_path, monkeypatch):
    log, raw = test_usage.events(), test_usage.log_study()
    here = test_usage.known(test_usage.written(tmp_path / "file", log))
    server.fill(address, {"events": log}, "tool")
    raw["tables"]["transactions"]["source"] = "${TOOL_DATABASE}#tool.events"
    monkeypatch.setenv("TOOL_DATABASE", address)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw))
    there = test_usage.known(tmp_path / "study.yaml")
    same(features.customers(here)[0], features.customers(there)[0])
