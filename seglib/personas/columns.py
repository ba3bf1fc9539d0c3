"""The columns of a frame of customers or products: their kinds, numbers, levels and labels."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd


def entries(dictionary, frame: pd.DataFrame) -> dict[str, dict]:
    """Return the dictionary entry of each column of a frame, made up where there is none.

    Parameters
    ----------
    dictionary : list of dict, or dict
        The entries, or dictionary.json as a whole (its part is chosen by the frame's index name).
    """
    if isinstance(dictionary, dict):
        part = "products" if frame.index.name == "product" else "customers"
        dictionary = dictionary.get(part, [])
    known = {entry["name"]: entry for entry in dictionary or []}
    default = {"base": "", "unit": "", "meaning": ""}
    return {
        str(c): default | {"name": str(c), "label": str(c)} | known.get(str(c), {})
        for c in frame.columns
    }


def numbers(values: pd.Series) -> pd.Series | None:
    """Return a column as floats, levels of an ordered one as 0, 1, …; None if it is nominal."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes.astype(float)
        return codes.mask(codes < 0) if values.cat.ordered else None
    if pd.api.types.is_bool_dtype(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
        return None
    return values.astype(float)


def kind(values: pd.Series) -> str:
    """Return numeric, ordered or nominal."""
    if numbers(values) is None:
        return "nominal"
    return "ordered" if isinstance(values.dtype, pd.CategoricalDtype) else "numeric"


def levels_of(values: pd.Series) -> pd.Series:
    """Return a column's values as text, missing kept."""
    return values.astype("object").map(str, na_action="ignore")


YES = {"yes", "true", "y", "ja", "oui", "sí", "si"}
NO = {"no", "none", "false", "n", "nein", "non"}
CODED = {"0": "no", "1": "yes"}  # where people answered, and no other code was given


def reply(level: str, levels: Iterable[str], base: str = "") -> str:
    """Return yes or no where a level of a column means it, else nothing.

    Parameters
    ----------
    level
        The level.
    levels
        All levels of the column.
    base
        Of the column: 0 and 1 mean no and yes only of answers; elsewhere they may be any codes.
    """
    if base == "psychographic" and set(levels) == set(CODED):
        return CODED[level]
    return "yes" if level.lower() in YES else "no" if level.lower() in NO else ""


def of_level(entry: dict, level: str, values: pd.Series) -> str:
    """Return how a level of a column is called.

    Of a column such as Television, yes is 'Television' and no is 'No television'; of an answer,
    'Yes to “cheap”'; any other level is 'Internet: DSL'.

    Parameters
    ----------
    entry
        The column's row in the dictionary.
    level
        The level.
    values
        The column.
    """
    name, base = entry["label"], entry["base"]
    said = reply(level, levels_of(values).dropna().unique(), base)
    if said and base == "psychographic":
        return f"{said.capitalize()} to {quoted(name)}"
    if said:
        return name if said == "yes" else f"No {label(name)}"
    return f"{name}: {level}"


def quoted(name: str) -> str:
    """Return a label in quotation marks, as it was put to people if it is a statement."""
    return name if name.startswith("“") else f"“{label(name)}”"


def label(text: str) -> str:
    """Return a label as it reads inside a sentence: no capitals, no note on its unit."""
    text = re.sub(r" (\(share of spend\)|share)$", "", text)
    if text.isupper() and len(text) > 3:
        return text.lower()
    return text[0].lower() + text[1:] if text[1:2].islower() else text
