"""The data dictionary: what each column of a run's frames means, and which form segments."""

from __future__ import annotations

import pandas as pd

from seglib.formats import StudyError, nearest


def row(name: str, label: str, base: str, *, kind="numeric", unit="", meaning="", levels=None):
    """Return one column's row of the data dictionary."""
    about = {"name": name, "label": label, "base": base, "kind": kind, "unit": unit}
    return about | {"meaning": meaning} | ({"levels": list(levels)} if levels else {})


def apart(rows: list[dict]) -> list[dict]:
    """Return the rows with a label of its own each: the name after one that stands before."""
    result: list[dict] = []
    for each in rows:
        twice = each["label"].lower() in {other["label"].lower() for other in result}
        label = f"{each['label']} ({each['name']})" if twice else each["label"]
        result.append(each | {"label": label})
    return result


def labels(rows: list[dict]) -> dict[str, str]:
    """Return column name → label."""
    return {each["name"]: each["label"] for each in rows}


def forming(study, rows: list[dict], unit: str = "customers") -> list[str]:
    """Return the columns that form the segments; a StudyError if one or all are missing."""
    key = "features" if unit == "customers" else "product_features"
    bases = study.segmentation.bases if unit == "customers" else ["product"]
    listed = getattr(study.segmentation, key)
    names = [each["name"] for each in rows if each["base"] in bases]
    for name in listed:
        if name not in names:
            raise StudyError(f"segmentation.{key}: found {name!r}{nearest(name, names)}")
    chosen = [name for name in names if not listed or name in listed]
    if not chosen:
        raise StudyError(
            f"segmentation.bases {', '.join(bases)} give no column: this study has "
            f"{', '.join(sorted({each['base'] for each in rows})) or 'none'}"
        )
    return chosen


def by_base(study, rows: list[dict], unit: str = "customers") -> dict[str, list[str]]:
    """Return base → its columns: of a base that forms segments, those that form them."""
    chosen, names = set(forming(study, rows, unit)), {}
    for each in rows:
        describes = unit == "customers" and each["base"] not in study.segmentation.bases
        if each["name"] in chosen or describes:
            names.setdefault(each["base"], []).append(each["name"])
    return names


def value(frame: pd.DataFrame, unit: str = "customers") -> pd.Series | None:
    """Return what a customer or a product is worth, to order segments by; None without money."""
    if unit == "products" and "spend_per_buyer" in frame:
        return frame["spend_per_buyer"] * frame["penetration"]
    return frame.get("spend")
