"""Segments for customers never seen: a run's rule applied to a table, or written as one SELECT."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from seglib import files, study, wording
from seglib.clustering import segmenter
from seglib.study import ROW, StudyError

PERSONAS = "personas.json"  # beside model.json: the names of its segments
KEYS = {"version", "method", "k", "columns", "parameters"}
ABSENT = {"", "na", "n/a", "nan", "null", "none"}  # texts that stand for no number
RESULT = {"segment", "name", "probability", "runner_up", "margin"}
SHOWN = 5  # columns named in a note
NOTES = {
    "missing": "no value, and sit in the middle of that column",
    "odd": "a text where a number is expected, and count as missing",
    "beyond": "values beyond the limits of the rule, within which 99% of the customers lay who "
    "made it, and count as the limit",
    "unseen": "levels that the rule has never seen, and sit in the middle of that column",
}


@dataclass(frozen=True)
class Scored:
    """Segments of a table's rows, and what a reader must know about them.

    Attributes
    ----------
    members : pandas.DataFrame
        Indexed by the key; `segment`, `name`, `probability`, `runner_up`, `margin`.
    notes : list of str
        What was missing, new or beyond what the rule was made from, counted.
    """

    members: pd.DataFrame
    notes: list[str]


def score(model: str | Path, table: str | Path, key: str = "") -> Scored:
    """Give every row of a table its segment.

    Parameters
    ----------
    model
        The folder of a run, or its model.json.
    table
        A Parquet or CSV file with a column for each that the rule reads, such as the
        customers.parquet of any run; other columns are not looked at.
    key
        The column that says who a row is; empty means the table's index, or `customer`; `<row>`
        calls each row by its number, as a study does that takes rows as customers.

    Raises
    ------
    StudyError
        If the model is not one, a column is not there, a row cannot be told from another, or the
        run's files are of two segmentations.
    """
    path = _model_path(Path(model))
    rule = _rule(path)
    files.verify(path.parent, path.name, PERSONAS)
    frame = _table(Path(table), key, [column["name"] for column in rule["columns"]])
    read = {c["name"]: _read(c, frame[c["name"]]) for c in rule["columns"]}
    seen = pd.DataFrame({name: values for name, (values, _) in read.items()}, frame.index)
    members = segmenter.assign(rule, seen)
    members.insert(1, "name", members["segment"].map(_names(path)))
    unknown = seen.isna().all(axis=1)
    notes = []
    if unknown.any():
        members = members.astype({"segment": "Int64", "runner_up": "Int64"}).mask(unknown)
        notes.append(f"{unknown.sum():,} rows have no value in any column and get no segment.")
    counts = {name: odd for name, (_, odd) in read.items()}
    return Scored(members, notes + _spans(path, Path(table)) + _odd_values(counts, len(frame)))


def write(members: pd.DataFrame, out: str | Path, model: str | Path, table: str | Path) -> Path:
    """Write scored members as .csv or .parquet; never over the table or a file of the run.

    Raises
    ------
    StudyError
        If the place or the kind of file will not do; nothing has been written.
    """
    path = Path(out)
    check(path, model, table)
    part = path.with_name(f".{path.name}.part")
    try:
        if path.suffix == ".csv":
            files.write_csv(members.reset_index(), part)
        else:
            members.to_parquet(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def check(path: Path, model: str | Path, table: str | Path) -> None:
    """Refuse a place where the result must not, or cannot, be written."""
    if path.suffix not in {".csv", ".parquet"}:
        raise StudyError(f"the output is {path}: expected a name that ends in .csv or .parquet")
    if not path.resolve().parent.is_dir():
        raise StudyError(f"the folder of {path} does not exist: make it, or choose another")
    if path.resolve() == Path(table).resolve():
        raise StudyError(f"the output {path} is the table itself: choose another name")
    folder = _model_path(Path(model)).resolve().parent
    if path.resolve().parent == folder and (folder / "segments.parquet").is_file():
        raise StudyError(f"{path} is in the folder of a run: choose a place outside {folder}")


# --- the model ----------------------------------------------------------------------------------


def _model_path(path: Path) -> Path:
    path = path / "model.json" if path.is_dir() else path
    if not path.is_file():
        raise StudyError(
            f"there is no {path}: expected the folder of a run, data/<study>/<date>, or its "
            "model.json; run the study first"
        )
    return path


def _rule(path: Path) -> dict:
    """Return a model as read, if it is one that this version can apply."""
    try:
        rule = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise StudyError(f"{path} is not JSON: expected the model.json of a run") from None
    if not isinstance(rule, dict) or not set(rule) >= KEYS:
        raise StudyError(
            f"{path} is not a model: expected the keys {', '.join(sorted(KEYS))}, as in the "
            "model.json of a run"
        )
    if rule["version"] != segmenter.VERSION:
        raise StudyError(
            f"{path} is of version {rule['version']}: this seglib reads version "
            f"{segmenter.VERSION}; run the study again"
        )
    return rule


def _names(path: Path) -> dict[int, str]:
    """Return the names of the run's segments, none if it has no personas."""
    personas = path.parent / PERSONAS
    if path.name != "model.json" or not personas.is_file():
        return {}
    return {p["segment"]: p["name"] for p in json.loads(personas.read_text(encoding="utf-8"))}


def _spans(model: Path, table: Path) -> list[str]:
    """Warn where the table's customers were seen for longer, or for less, than the rule's."""
    extents = [folder / "extent.json" for folder in (model.parent, table.resolve().parent)]
    days = [json.loads(e.read_text(encoding="utf-8")).get("history") if e.is_file() else None
            for e in extents]  # fmt: skip
    if None in days or days[0] == days[1]:
        return []
    return [
        f"The rule was made from {days[0]} days of history and this table from {days[1]}: whoever "
        "is seen for longer has more orders, so segments shift by that alone. `seglib run` at the "
        "later date compares equal times and writes segments_kept.csv."
    ]


# --- the table ----------------------------------------------------------------------------------


def _table(path: Path, key: str, columns: list[str]) -> pd.DataFrame:
    """Return the columns that the rule reads, indexed by the key."""
    frame = _opened(path)
    name = key or frame.index.name or "customer"
    frame = frame.reset_index() if frame.index.name else frame
    if key == ROW:
        name, frame = "row", frame.assign(row=range(1, len(frame) + 1))
    there = [str(column) for column in frame]
    if name not in frame:
        raise StudyError(
            f"{path} has no column {name!r} to tell rows apart{study.nearest(name, there)}; give "
            f"it as --id, or --id '{ROW}' to number the rows"
        )
    if name in RESULT:
        raise StudyError(
            f"{path}: the key {name!r} is also a column of the result; call it something else"
        )
    if frame.empty:
        raise StudyError(f"{path} has no rows: expected one a customer")
    if absent := [column for column in columns if column not in frame]:
        raise StudyError(f"{path} lacks {_lacking(absent, set(there) - {name, *columns})}")
    if frame[name].isna().any():
        raise StudyError(f"{path}: {int(frame[name].isna().sum())} rows have no {name}")
    if (twice := frame[name].duplicated()).any():
        raise StudyError(
            f"{path}: {int(twice.sum())} rows repeat the {name} of another, such as "
            f"{frame.loc[twice, name].iloc[0]!r}: expected one row each"
        )
    return frame.set_index(name)


def _opened(path: Path) -> pd.DataFrame:
    if path.suffix not in {".csv", ".parquet"}:
        raise StudyError(f"the table is {path}: expected a .parquet or .csv file")
    if not path.is_file():
        raise StudyError(f"there is no table {path}")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (ValueError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise StudyError(f"{path} cannot be read as {path.suffix[1:]}: {first}") from None


def _lacking(absent: list[str], spare: set[str]) -> str:
    """Return '2 columns that the rule reads: orders (did you mean Orders?), recency'.

    Only a column that the rule does not read already is suggested, and none for two.
    """
    parts = []
    for name in absent[:8]:
        hint = study.nearest(name, sorted(spare)).partition("did you mean ")[2].rstrip("?")
        spare = spare - {hint.strip("'")}
        parts.append(f"{name!r}" + (f" (did you mean {hint}?)" if hint else ""))
    more = f" and {len(absent) - 8} more" if len(absent) > 8 else ""
    many = "a column" if len(absent) == 1 else f"{len(absent)} columns"
    return f"{many} that the rule reads: {', '.join(parts)}{more}"


def _read(rule: dict, values: pd.Series) -> tuple[pd.Series, dict]:
    """Return a column as the rule wants it, and how many values are odd in which way."""
    if rule["kind"] == "numeric":
        numbers = pd.to_numeric(values, errors="coerce").astype(float)
        numbers = numbers.replace([np.inf, -np.inf], np.nan)
        given = values.notna() & ~values.astype(str).str.strip().str.lower().isin(ABSENT)
        shown = np.log1p(numbers.clip(lower=0)) if rule["log"] else numbers
        slack = 1e-9 * (1 + abs(rule["high"] - rule["low"]))
        beyond = (shown < rule["low"] - slack) | (shown > rule["high"] + slack)
        return numbers, {"missing": int(numbers.isna().sum()), "beyond": int(beyond.sum()),
                         "odd": int((numbers.isna() & given).sum())}  # fmt: skip
    levels = {_text(level): level for level in rule["levels"]}
    text = values.astype(object).map(_text, na_action="ignore")
    new = text[text.notna() & ~text.isin(list(levels))]
    return text.map(levels).astype(object).where(text.isin(list(levels)), None), {
        "missing": int(values.isna().sum()), "unseen": len(new),
        "levels": list(new.value_counts().index[:3]),
    }  # fmt: skip


def _text(value: object) -> str:
    """Return a value as text: 1 and 1.0 alike, true and True alike."""
    if isinstance(value, bool | np.bool_) or str(value).lower() in {"true", "false"}:
        return str(value).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _odd_values(counts: dict[str, dict], rows: int) -> list[str]:
    """Return a sentence for each thing that happened to values, with the columns it is in."""
    said = []
    for what, meaning in NOTES.items():
        here = {name: about for name, about in counts.items() if about.get(what)}
        order = sorted(here, key=lambda name: (-here[name][what], name))
        parts = [
            f"{name} {wording.count(here[name][what])}"
            + (f" ({', '.join(map(repr, here[name]['levels']))})" if what == "unseen" else "")
            for name in order[:SHOWN]
        ]
        more = f" and {len(order) - SHOWN} more columns" if len(order) > SHOWN else ""
        if here:
            said.append(f"Of {rows:,} rows, some have {meaning}: {', '.join(parts)}{more}.")
    return said
