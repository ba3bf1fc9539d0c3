"""What each column of a run's frames means, and which columns may form segments."""

from __future__ import annotations

import pandas as pd

from seglib.layout import Attribute, Scale, plain
from seglib.schema import Study
from seglib.study import StudyError, nearest


def entry(name: str, label: str, base: str, *, kind="numeric", unit="", meaning="", levels=None):
    """Return one column's line in the dictionary."""
    line = {"name": name, "label": label, "base": base, "kind": kind, "unit": unit,
            "meaning": meaning}  # fmt: skip
    return line | ({"levels": list(levels)} if levels else {})


def attribute(column: str, given: Attribute) -> dict:
    """Return the line of a column that the study describes itself."""
    label, column_in_source = given.label or plain(column), given.column or column
    meaning = f"column {column_in_source} as given"
    if given.bounds:
        low, high = (f"{bound:g}" for bound in given.bounds)
        meaning = f"answer to {column_in_source}, {low} to {high}"
        meaning += f", turned round: {sum(given.bounds):g} minus the answer" * given.reversed
    levels = given.levels and [given.labels.get(level, level) for level in given.levels]
    line = entry(column, label, given.base, kind=given.kind, unit=given.unit, meaning=meaning,
                 levels=levels)  # fmt: skip
    return line | {"given": True}


def scale(column: str, given: Scale, items: dict[str, Attribute]) -> dict:
    """Return the line of the mean of several items."""
    label = given.label or plain(column)
    turned = sum(items[item].reversed for item in given.items)
    meaning = f"mean of {', '.join(given.items)}" + f"; {turned} of them turned round" * bool(
        turned
    )
    return entry(column, label, given.base, unit="points", meaning=meaning) | {"given": True}


def apart(lines: list[dict]) -> list[dict]:
    """Return the lines with a label of its own each: the name after one that stands before."""
    found: list[dict] = []
    for line in lines:
        known = {other["label"].lower() for other in found}
        same = line["label"].lower() in known
        found.append(line | {"label": f"{line['label']} ({line['name']})"} if same else line)
    return found


def labels(lines: list[dict]) -> dict[str, str]:
    """Return column name → label."""
    return {line["name"]: line["label"] for line in lines}


def forming(study: Study, lines: list[dict], unit: str = "customers") -> list[str]:
    """Return the columns that form the segments of customers or products.

    Raises
    ------
    StudyError
        If the study lists a feature that does not exist, or no column is left.
    """
    asked = study.segmentation
    bases, wanted = list(asked.bases), asked.features
    if unit == "products":
        bases, wanted = ["product"], asked.product_features
    known = [line["name"] for line in lines if line["base"] in bases]
    for name in wanted:
        if name not in known:
            key = "product_features" if unit == "products" else "features"
            raise StudyError(f"segmentation.{key}: found {name!r}{nearest(name, known)}")
    chosen = [name for name in known if not wanted or name in wanted]
    if not chosen:
        raise StudyError(
            f"segmentation.bases {', '.join(bases)} give no column: this study has "
            f"{', '.join(sorted({line['base'] for line in lines})) or 'none'}"
        )
    return chosen


def describing(study: Study, lines: list[dict]) -> list[str]:
    """Return the columns that only describe customers."""
    bases = set(study.segmentation.describe_with) - set(study.segmentation.bases)
    return [line["name"] for line in lines if line["base"] in bases]


def by_base(study: Study, lines: list[dict], unit: str = "customers") -> dict[str, list[str]]:
    """Return base → its columns: of a base that forms segments, those that form them."""
    wanted = set(forming(study, lines, unit))
    found = {}
    for line in lines:
        only_describes = unit == "customers" and line["base"] not in study.segmentation.bases
        if line["name"] in wanted or only_describes:
            found.setdefault(line["base"], []).append(line["name"])
    return found


def value(frame: pd.DataFrame, unit: str = "customers") -> pd.Series | None:
    """Return what a customer or a product is worth, to order segments by; None without money."""
    if unit == "products" and "spend_per_buyer" in frame:
        return frame["spend_per_buyer"] * frame["penetration"]
    return frame.get("spend")
