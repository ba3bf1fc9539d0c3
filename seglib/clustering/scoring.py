"""Segments for customers never seen: a run's rule applied to a table, or written as one SELECT."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from seglib import formats, publish, runs, wording
from seglib.clustering import algorithms, encoding, segmenter
from seglib.formats import StudyError, nearest
from seglib.layout import ROW

PERSONAS = "personas.json"  # beside model.json: the names of its segments
KEYS = {"version", "method", "k", "columns", "parameters"}
ABSENT = {"", "na", "n/a", "nan", "null", "none"}  # texts that stand for no number
RESULT = {"segment", "name", "probability", "runner_up", "margin"}
SHOWN = 5  # columns named in a note
NOTES = {
    "missing": "no value, and sit in the middle of that column",
    "outside": "values outside the bounds that the study gives them, and count as missing",
    "odd": "a text where a number is expected, and count as missing",
    "beyond": "values beyond the limits of the rule, within which 99% of the customers lay who "
    "made it, and count as the limit",
    "unseen": "levels that the rule has never seen, and sit in the middle of that column",
}


@dataclass(frozen=True)
class Scored:
    """Segments of a table's rows by key, and sentences that count what is odd about them."""

    members: pd.DataFrame
    notes: list[str]


def score(model: str | Path, table: str | Path, key: str = "") -> Scored:
    """Give every row of a table its segment.

    `model` is the folder of a run, or its model.json; `table` a Parquet or CSV file with each
    column that the rule reads; `key` the column that says who a row is, by default the index or
    `customer`; `<row>` calls each row by its number. A StudyError if the model is not one, a column
    is not there, a row cannot be told from another, or the run's files are of two segmentations.
    """
    path = _model_path(Path(model))
    rule = _rule(path)
    runs.verify(path.parent, path.name, PERSONAS)
    frame = _table(Path(table), key, [column["name"] for column in rule["columns"]])
    read = {c["name"]: _read(c, frame[c["name"]]) for c in rule["columns"]}
    values = pd.DataFrame({name: column for name, (column, _) in read.items()}, frame.index)
    members = segmenter.assign(rule, values)
    people, names = path.parent / PERSONAS, {}
    if path.name == "model.json" and people.is_file():
        named = json.loads(people.read_text(encoding="utf-8"))
        names = {person["segment"]: person["name"] for person in named}
    members.insert(1, "name", members["segment"].map(names))
    unknown, notes = values.isna().all(axis=1), []
    if unknown.any():
        members = members.astype({"segment": "Int64", "runner_up": "Int64"}).mask(unknown)
        notes.append(f"{unknown.sum():,} rows have no value in any column and get no segment.")
    counts = {name: odd for name, (_, odd) in read.items()}
    return Scored(members, notes + _spans(path, Path(table)) + _odd_values(counts, len(frame)))


def write(members: pd.DataFrame, out: str | Path) -> Path:
    """Write scored members as .csv or .parquet, whole or not at all."""
    path = Path(out)
    part = path.with_name(f".{path.name}.part")
    try:
        if path.suffix == ".csv":
            formats.write_csv(members.reset_index(), part)
        else:
            members.to_parquet(part)
        return part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check(out: str | Path, model: str | Path, table: str | Path) -> None:
    """Refuse a place where the result cannot be written, the table, and the folder of a run."""
    path, folder = Path(out), _model_path(Path(model)).resolve().parent
    if path.suffix not in {".csv", ".parquet"}:
        raise StudyError(f"the output is {path}: expected a name that ends in .csv or .parquet")
    if not path.resolve().parent.is_dir():
        raise StudyError(f"the folder of {path} does not exist: make it, or choose another")
    if path.resolve() == Path(table).resolve():
        raise StudyError(f"the output {path} is the table itself: choose another name")
    if path.resolve().parent == folder and (folder / "segments.parquet").is_file():
        raise StudyError(f"{path} is in the folder of a run: choose a place outside {folder}")


# --- reading a model and a table ----------------------------------------------------------------


def _model_path(path: Path) -> Path:
    for folder in path.resolve().parents[:2]:
        publish.recover(folder)
    path = path / "model.json" if path.is_dir() else path
    if not path.is_file():
        raise StudyError(
            f"there is no {path}: expected the folder of a run, data/<study>/<date>, or its "
            "model.json; run the study first"
        )
    return path


def _rule(path: Path) -> dict:
    try:
        rule = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise StudyError(f"{path} is not JSON: expected the model.json of a run") from None
    if not isinstance(rule, dict) or not set(rule) >= KEYS:
        raise StudyError(
            f"{path} is not a model: expected the keys {', '.join(sorted(KEYS))}, as in the "
            "model.json of a run"
        )
    segmenter.check_version(rule, path, runs.again)
    return rule


def _spans(model: Path, table: Path) -> list[str]:
    """Warn where the table's customers were seen for longer, or for less, than the rule's."""
    extents = [folder / "extent.json" for folder in (model.parent, table.resolve().parent)]
    known = [json.loads(e.read_text(encoding="utf-8")) if e.is_file() else {} for e in extents]
    before, now = (extent.get("history") for extent in known)
    if None in (before, now) or before == now:
        return []
    return [
        f"The rule was made from {before} days of history and this table from {now}: whoever "
        "is seen for longer has more orders, so segments shift by that alone. `seglib run` at the "
        "later date compares equal times and writes segments_kept.csv."
    ]


def _table(path: Path, key: str, columns: list[str]) -> pd.DataFrame:
    frame = _opened(path)
    name = key or frame.index.name or "customer"
    frame = frame.reset_index() if frame.index.name else frame
    if key == ROW:
        name, frame = "row", frame.assign(row=range(1, len(frame) + 1))
    if name not in frame:
        hint = nearest(name, list(map(str, frame)))
        raise StudyError(
            f"{path} has no column {name!r} to tell rows apart{hint}; give it as --id, or --id "
            f"'{ROW}' to number the rows"
        )
    if name in RESULT:
        raise StudyError(
            f"{path}: the key {name!r} is also a column of the result; call it something else"
        )
    if frame.empty:
        raise StudyError(f"{path} has no rows: expected one a customer")
    if absent := [column for column in columns if column not in frame]:
        spare = sorted({str(column) for column in frame} - {name, *columns})
        raise StudyError(f"{path} lacks {_lacking(absent, spare)}")
    if nobody := int(frame[name].isna().sum()):
        raise StudyError(f"{path}: {nobody} rows have no {name}")
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
    return segmenter.read_table(path)


def _lacking(absent: list[str], spare: list[str]) -> str:
    """Return '2 columns that the rule reads: orders (did you mean Orders?), recency'.

    Only a column that the rule does not read already is suggested, and none for two.
    """
    parts = []
    for name in absent[:8]:
        hint = nearest(name, spare).partition("did you mean ")[2].rstrip("?")
        spare = [column for column in spare if column != hint.strip("'")]
        parts.append(f"{name!r}" + (f" (did you mean {hint}?)" if hint else ""))
    more = f" and {len(absent) - 8} more" if len(absent) > 8 else ""
    many = "a column" if len(absent) == 1 else f"{len(absent)} columns"
    return f"{many} that the rule reads: {', '.join(parts)}{more}"


def _read(rule: dict, values: pd.Series) -> tuple[pd.Series, dict]:
    """Return a column as the rule wants it, and how many values are odd in which way."""
    if rule["kind"] == "numeric":
        unread = np.isnan(encoding.numbers_inside({}, values))
        numbers = pd.Series(encoding.numbers_inside(rule, values), values.index)
        filled = values.notna() & ~values.astype(str).str.strip().str.lower().isin(ABSENT)
        scaled = np.log1p(numbers.clip(lower=0)) if rule["log"] else numbers
        slack = 1e-9 * (1 + abs(rule["high"] - rule["low"]))
        beyond = (scaled < rule["low"] - slack) | (scaled > rule["high"] + slack)
        odd = {"missing": numbers.isna(), "beyond": beyond, "odd": unread & filled}
        odd["outside"] = numbers.isna() & ~unread
        return numbers, {what: int(rows.sum()) for what, rows in odd.items()}
    levels = {_text(level): level for level in rule["levels"]}
    text = values.astype(object).map(_text, na_action="ignore")
    new = text[text.notna() & ~text.isin(list(levels))]
    odd = {"missing": int(values.isna().sum()), "unseen": len(new)}
    known = text.map(levels).astype(object).where(text.isin(list(levels)), None)
    return known, odd | {"levels": list(new.value_counts().index[:3])}


def _text(value: object) -> str:
    """Return a value as text: 1 and 1.0 alike, true and True alike."""
    if str(value).lower() in {"true", "false"}:
        return str(value).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _odd_values(counts: dict[str, dict], rows: int) -> list[str]:
    """Return a sentence for each thing that happened to values, with the columns it is in."""
    notes = []
    for what, meaning in NOTES.items():
        here = [name for name, about in counts.items() if about.get(what)]
        parts = []
        for name in sorted(here, key=lambda name: (-counts[name][what], name))[:SHOWN]:
            levels = ", ".join(map(repr, counts[name]["levels"])) if what == "unseen" else ""
            shown = f" ({levels})" if levels else ""
            parts.append(f"{name} {wording.count(counts[name][what])}{shown}")
        more = f" and {len(here) - SHOWN} more columns" if len(here) > SHOWN else ""
        if here:
            notes.append(f"Of {rows:,} rows, some have {meaning}: {', '.join(parts)}{more}.")
    return notes


# --- the rule as SQL ----------------------------------------------------------------------------


def select(model: dict, table: str, key: str) -> str:
    """Write a query for ``key`` and ``segment`` of every row of ``table``, as a model predicts.

    Plain SQL (CASE, LEAST, GREATEST, ABS, LN), checked on DuckDB and PostgreSQL. There every
    step is computed once: inlined, PostgreSQL would write each expression as often as it is used.
    """
    params, rules = model["parameters"], model["columns"]
    terms = encoded_terms(rules)
    if params["method"] == "latent_class":  # reads levels as they are, and passes over the missing
        numeric = [rule | {"fill": None} for rule in rules if rule["kind"] == "numeric"]
        each = iter(encoded_terms(numeric))
        terms = [next(each) if r["kind"] == "numeric" else quote(r["name"]) for r in rules]
    columns = [f"{quote(key)} AS row_key", *(f"{term} AS x{i}" for i, term in enumerate(terms))]
    steps = [("encoded", columns, table)]
    if metric := params.get("metric"):  # of k-means segments made before groups were counted
        turned = [
            " + ".join(f"{number(row[j])} * x{i}" for i, row in enumerate(metric)) + f" AS x{j}"
            for j in range(len(metric))
        ]
        steps.append(("turned", ["row_key", *turned], "encoded"))
    formulas = _FORMULAS[params["method"]](params, rules)
    scores = [f"{text} AS s{i}" for i, text in enumerate(formulas)]
    steps.append(("scored", ["row_key", *scores], steps[-1][0]))
    names = [f"s{i}" for i in range(len(formulas))]
    best = names[0] if len(names) == 1 else f"GREATEST({', '.join(names)})"
    steps.append(("judged", ["row_key", *names, f"{best} AS best"], "scored"))
    comma = ",\n    "
    parts = [
        f"{step} AS MATERIALIZED (\n  SELECT {comma.join(columns)}\n  FROM {source}\n)"
        for step, columns, source in steps
    ]
    return (
        "-- MATERIALIZED may be left out where an engine does not know it.\n"
        f"WITH {', '.join(parts)}\n"
        f"SELECT row_key AS {quote(key)},\n  {_first_best(model)} AS segment\nFROM judged\n"
    )


def _first_best(model: dict) -> str:
    """Write the number of the first segment whose score is the highest: `algorithms.first_best`."""
    params, numbers = model["parameters"], model.get("numbers") or range(1, model["k"] + 1)
    unit = 2 * params["softness"] if params["method"] == "kmeans" else 1.0
    close = number(algorithms.CLOSE)
    least = f"best - ({number(algorithms.CLOSE * unit)} + {close} * ABS(best))"
    cases = "\n    ".join(f"WHEN s{i} >= {least} THEN {n}" for i, n in enumerate(numbers))
    return f"CASE\n    {cases}\n  END"


def _kmeans(params: dict, _rules: list[dict]) -> list[str]:
    sums = (" + ".join(map(_squared, range(len(c)), c)) for c in params["centres"])
    return [f"-({total})" for total in sums]


def _squared(i: int, centre: float) -> str:
    """Write the square of a column's distance: POWER takes twice the time of the whole query."""
    return f"(x{i} - ({number(centre)})) * (x{i} - ({number(centre)}))"


def _gmm(params: dict, _rules: list[dict]) -> list[str]:
    texts = []
    for weight, mean, precision, logdet in algorithms.gaussians(params):
        away = [f"(x{i} - ({number(m)}))" for i, m in enumerate(mean)]
        terms = [
            f"{number(precision[i, j] * (1 if i == j else 2))} * {away[i]} * {away[j]}"
            for i in range(len(mean))
            for j in range(i, len(mean))
        ]
        texts.append(f"{number(np.log(weight) - logdet / 2)} - 0.5 * ({' + '.join(terms)})")
    return texts


def _latent(params: dict, rules: list[dict]) -> list[str]:
    texts = []
    for i, weight in enumerate(params["weights"]):
        tables, terms = iter(params["tables"][i]), [number(np.log(weight))]
        bells = zip(params["means"][i], params["variances"][i], strict=True)
        for j, rule in enumerate(rules):
            if rule["kind"] == "numeric":
                mean, variance = next(bells)
                base = float(np.log(2 * np.pi * variance))
                away = f"{_squared(j, mean)} / {number(variance)}"
                terms.append(f"COALESCE(-0.5 * ({number(base)} + {away}), 0)")
            else:
                shares = map(number, np.log(next(tables)))
                terms.append(f"CASE x{j} {_cases(rule['levels'], shares)} ELSE 0 END")
        texts.append(" + ".join(terms))
    return texts


_FORMULAS = {"kmeans": _kmeans, "gmm": _gmm, "latent_class": _latent}


def encoded_terms(rules: list[dict]) -> list[str]:
    """Write one expression per encoded column, in the order of :meth:`Encoder.transform`."""
    terms = []
    for rule in rules:
        name, levels = quote(rule["name"]), rule.get("levels", [])
        if rule["kind"] == "nominal":
            for i, own in enumerate(rule["shares"]):
                hot = (np.arange(len(levels)) == i) - own
                cases = _cases(levels, map(number, hot / np.sqrt(own * rule["inertia"])))
                terms.append(f"CASE {name} {cases} ELSE 0.0 END")
            continue
        if rule["kind"] == "ordered":
            cases = _cases(levels, range(len(levels)))
            value = f"CASE {name} {cases} ELSE {number(rule['fill'])} END"
        else:
            raw = f"CAST({name} AS DOUBLE PRECISION)"
            scaled = f"LN(1 + GREATEST({raw}, 0))" if rule["log"] else raw
            scaled = f"LEAST(GREATEST({scaled}, {number(rule['low'])}), {number(rule['high'])})"
            low, high = map(number, rule.get("bounds", (-encoding.FINITE, encoding.FINITE)))
            inside = f"{raw} BETWEEN {low} AND {high}"  # engines hold NaN greater than any number
            value = f"CASE WHEN {inside} THEN {scaled} ELSE {number(rule['fill'])} END"
        terms.append(f"({value} - ({number(rule['centre'])})) / {number(rule['scale'])}")
    return terms


def _cases(levels: list, values) -> str:
    pairs = zip(levels, values, strict=True)
    return " ".join(f"WHEN {literal(level)} THEN {value}" for level, value in pairs)


def quote(name: str) -> str:
    """Write an identifier."""
    return '"' + name.replace('"', '""') + '"'


def number(value: float | None) -> str:
    """Write a number in double precision, never as a decimal."""
    text = "NULL" if value is None else repr(float(value))
    return text if "e" in text or value is None else f"{text}e0"


def literal(value: object) -> str:
    """Write a level as a literal."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    text = str(value).replace("'", "''")
    return repr(value) if isinstance(value, int | float) else f"'{text}'"
