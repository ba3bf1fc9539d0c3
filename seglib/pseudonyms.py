"""Ids replaced by keyed hashes: the same key gives the same pseudonyms at any date.

A pseudonym is the first 32 hexadecimal digits of HMAC-SHA256 (RFC 2104) of the id as text (UTF-8;
whole numbers without a point) under the key, so that whoever holds the key can find customers
again, in any language: `hmac.new(key.encode(), b"42", "sha256").hexdigest()[:32]`. Without the key
nobody can, not even by trying all ids; that is why the key must be long, is read from the
environment, and is never written. Only the distinct ids come to Python and only their pseudonyms
go back to the engine, where tables are joined with them.
"""

from __future__ import annotations

import hashlib
import hmac
import os

import ibis
import ibis.expr.types as ir
import pandas as pd

from seglib import reading
from seglib.schema import Study
from seglib.sources.database import keep, plain
from seglib.study import StudyError

LENGTH = 32  # hexadecimal digits: 128 bits, in which a billion customers do not collide
SHORTEST = 16  # characters of a key


def key(study: Study) -> bytes | None:
    """Return the key of a study's pseudonyms, None if it keeps its ids.

    Raises
    ------
    StudyError
        If the variable is not set or its key is so short that it could be guessed.
    """
    name = study.privacy.pseudonymise
    if name is None:
        return None
    held = os.environ.get(name, "").strip()
    if not held:
        raise StudyError(
            f"privacy.pseudonymise: the environment variable {name} is not set: it must hold the "
            f"key of the pseudonyms, {SHORTEST} characters or more that nobody else knows"
        )
    if len(held) < SHORTEST:
        raise StudyError(
            f"privacy.pseudonymise: the key in {name} has {len(held)} characters and could be "
            f"guessed: expected {SHORTEST} or more, such as `openssl rand -hex 32` makes"
        )
    return held.encode()


def mark(study: Study) -> str:
    """Return a mark by which runs tell whether their ids are of one kind; empty without a key."""
    secret = key(study)
    return hmac.digest(secret, b"seglib: which key", "sha256").hex()[:8] if secret else ""


def of(ids: pd.Series, secret: bytes) -> pd.Series:
    """Return the pseudonym of each id, given as text; missing stays missing."""
    return ids.map(
        lambda one: hmac.new(secret, one.encode(), hashlib.sha256).hexdigest()[:LENGTH],
        na_action="ignore",
    )


def replace(tables: dict[str, ir.Table], study: Study) -> dict[str, ir.Table]:
    """Return the tables with pseudonyms for customers, if the study wants them.

    Parameters
    ----------
    tables
        By role, all on one engine.
    study
        Says where the key is.

    Raises
    ------
    StudyError
        If there is no key.
    """
    secret = key(study)
    holders = [table for table in tables.values() if "customer" in table.columns]
    if secret is None or not holders:
        return tables
    known = [t.select(customer=reading.text(t.customer)).distinct() for t in holders]
    ids = ibis.union(*known, distinct=True) if len(known) > 1 else known[0]
    found = ids.filter(ids.customer.notnull()).order_by("customer").execute()
    found["pseudonym"] = of(found["customer"], secret)
    home, name = ibis.get_backend(holders[0]), ibis.util.gen_name("seglib")
    pairs = home.create_table(name, ibis.memtable(found), temp=True)
    pairs = plain(pairs) if home.name == "postgres" else pairs
    return {
        name: _joined(table, pairs) if "customer" in table.columns else table
        for name, table in tables.items()
    }


def _joined(table: ir.Table, pairs: ir.Table) -> ir.Table:
    """Return a table, kept on its engine, with the pseudonym as the customer."""
    columns = table.columns
    joined = table.mutate(customer=reading.text(table.customer)).left_join(pairs, "customer")
    return keep(joined.mutate(customer=joined.pseudonym).select(*columns))
