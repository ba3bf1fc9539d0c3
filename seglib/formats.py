"""How study.yaml is written: safe YAML, kinds of values, mistakes in words; and how results are."""

import codecs
import difflib
import json
import math
import re
import zoneinfo
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import yaml
from pandas.api.types import is_numeric_dtype
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

LARGEST = 20_000  # values in a study.yaml, those that aliases repeat counted each time
COUNTED = {  # how times are counted: since when, seconds a unit, and the most there can be
    "unix": ("1970-01-01", 1, 4e9),
    "unix_ms": ("1970-01-01", 0.001, 4e12),
    "unix_us": ("1970-01-01", 1e-6, 4e15),
    "excel": ("1899-12-30", 86_400, 80_000),
}
SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
PLAIN = {  # words of pydantic, and those that users know
    "a valid dictionary.*|an object to .*": "a block of keys",
    "a valid string": "text",
    "valid integer": "whole number",
    "valid ": "",
}
SPACES = "spaces"  # columns set apart by one or more blanks, as in printed tables


class StudyError(Exception):
    """A mistake that the user can mend; its text is the whole message."""

    exit_code = 2

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in a notebook; IPython calls this."""
        return [str(self)]


# --- YAML -----------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice and leaves dates as they are written."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = sorted({str(key) for key in keys if keys.count(key) > 1})
    if twice:
        line = node.start_mark.line + 1
        raise ValueError(f"the key {twice[0]!r} stands twice in the block at line {line}")
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_scalar)


def load_yaml(text: str) -> Any:
    """Return what a text of YAML holds.

    ValueError or yaml.YAMLError if it is not YAML, holds a key twice, asks for code to run, or
    grows through its aliases.
    """
    nodes, size = [yaml.compose(text, Loader=_Loader)], 0
    while nodes:  # an alias is counted wherever it stands, so what holds itself has no end
        value = getattr(nodes.pop(), "value", None)
        pairs = value if isinstance(value, list) else []
        nodes += [part for pair in pairs for part in (pair if isinstance(pair, tuple) else (pair,))]
        size += 1
        if size > LARGEST:
            raise ValueError(
                f"it holds more than {LARGEST:,} values through its aliases (&name, *name): "
                "write them out"
            )
    return yaml.load(text, Loader=_Loader)


# --- values ---------------------------------------------------------------------------------------


def strings(value: Any) -> Any:
    """Accept one name where a list of names is meant, and 3 where '3' is meant."""
    if value is None:
        return value
    return [str(v) for v in (value if isinstance(value, list) else [value])]


def _day(value: Any) -> date:
    """Read 2017-10-01 as a day; a number is none, though it could count seconds."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(re.fullmatch(r"\s*(\d{4}-\d\d-\d\d)\s*", str(value))[1])
    except (TypeError, ValueError):
        raise ValueError("expected a date such as 2017-10-01") from None


def texts(value: Any) -> Any:
    """Accept 3 where '3' is meant, also as a key of a block."""
    if isinstance(value, dict):
        return {str(key): v for key, v in value.items()}
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _delimiter(value: str) -> str:
    value = SEPARATORS.get(value, value)
    if value != SPACES and (len(value) != 1 or value.isalnum() or value in "\"'\n\r"):
        names = f"{', '.join(SEPARATORS)}, {SPACES}"
        raise ValueError(f"expected one character such as ';' or one of {names}")
    return value


def _encoding(value: str) -> str:
    try:
        "a".encode(value)  # an encoding of text, not base64 or the like
        return codecs.lookup(value).name
    except (LookupError, ValueError, TypeError):
        raise ValueError("expected an encoding such as utf-8, cp1252, latin-1, utf-16") from None


def _date_order(value: Any) -> str:
    """Read DD/MM/YYYY, with or without a time of day after it, as an order of day, month, year."""
    parts = re.findall(r"Y+|M+|D+", str(value).split(" ", maxsplit=1)[0].upper())
    order = value if value in COUNTED else "".join(part[0] for part in parts)
    if order not in {"YMD", "DMY", "MDY", *COUNTED}:
        raise ValueError(
            "expected DD/MM/YYYY, MM/DD/YYYY, YYYY-MM-DD, or unix, unix_ms, unix_us or excel for "
            "times that are counted"
        )
    return order


def _days(value: Any) -> int:
    match = re.fullmatch(r"\s*(\d+)\s*(days?|weeks?)?\s*", str(value))
    if not match:
        raise ValueError("expected a number of days such as '91 days' or '13 weeks'")
    return int(match[1]) * (7 if (match[2] or "").startswith("week") else 1)


def _zone(value: str) -> str:
    """Refuse a time zone that this machine's list of zones does not hold."""
    zones = sorted(zoneinfo.available_timezones())
    if zones and value not in zones:  # a machine without the list cannot judge
        close = difflib.get_close_matches(value, zones, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"expected a time zone such as 'America/New_York'{hint}")
    return value


Names = Annotated[list[str], BeforeValidator(strings)]
Text = Annotated[str, BeforeValidator(texts)]
Shares = Annotated[dict[str, Annotated[float, Field(gt=0, lt=1)]], BeforeValidator(texts)]
Day = Annotated[date, BeforeValidator(_day)]
Days = Annotated[int, BeforeValidator(_days), Field(ge=1)]
Zone = Annotated[str, AfterValidator(_zone)]


class Part(BaseModel):
    """A block of study.yaml in which an unknown key is a mistake, as are keys that do not fit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="after")
    def _sound(self):
        if result := list(self._mistakes()):
            raise ValueError("; ".join(result))
        return self

    def _mistakes(self) -> Iterator[str]:
        """Yield what its keys, each valid by itself, get wrong together."""
        yield from ()


class Format(Part):
    """What cannot be guessed safely from a text file; every key is optional."""

    delimiter: Annotated[str, AfterValidator(_delimiter)] | None = None  # between columns
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None  # of letters as bytes
    decimal: Literal[".", ","] | None = None  # mark of numbers; the other one groups thousands
    date: Annotated[str, BeforeValidator(_date_order)] | None = None  # the order of its parts, or
    # how times are counted: unix, unix_ms, unix_us (since 1970), excel (days, as spreadsheets do)
    missing: Names = []  # texts that stand for a missing value, beside nothing at all
    header: Names | None = None  # the columns of a file whose first line does not name them


# --- mistakes in words ----------------------------------------------------------------------------


def nearest(word: str, known: list[str]) -> str:
    """Return ', expected one of …; did you mean …?' for a word that is not among those known."""
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    shown = ", ".join(known[:15]) + (" …" if len(known) > 15 else "")
    return f", expected one of {shown}{hint}"


def sentence(error: dict, model: type[BaseModel]) -> str:
    """Return an error of pydantic about a model as a sentence that names the key."""
    loc, value, kind = error["loc"], error["input"], error["type"]
    is_key = loc[-1:] == ("[key]",)
    loc = loc[:-1] if is_key else loc
    where = ".".join(_shown(str(part))[1:-1] for part in loc) or "study"
    if kind == "missing":
        return f"{where}: is missing"
    if kind == "extra_forbidden":
        return f"{where}: unknown key{nearest(str(loc[-1]), _keys(model, loc[:-1]))}"
    if kind == "literal_error":
        what = "unknown key" if is_key else f"found {_short(value)}"
        names = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return f"{where}: {what}{nearest(str(value), names)}"
    if kind == "value_error":
        what = "" if isinstance(value, dict) else f", found {_short(value)}"
        return f"{where + ': ' if loc else ''}{error['ctx']['error']}{what}"
    wanted = re.sub(r"^\w+ should (?:be|have|match) |, unable to parse.*", "", error["msg"])
    for words, plain in PLAIN.items():
        wanted = re.sub(words, plain, wanted)
    what = f"the key {_shown(value)}" if is_key else _short(value)
    return f"{where}: found {what}, expected {wanted}"


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a block of keys" if isinstance(value, dict) else _shown(value)[:80]


def _shown(value: Any) -> str:
    """Return a value in quotes if it is text, escaping only what cannot be shown."""
    return repr(value).replace("\\\\", "\\")


def _keys(model: type[BaseModel], loc: tuple) -> list[str]:
    for part in loc:
        field = getattr(model, "model_fields", {}).get(part)
        model = (_model_in(field.annotation) if field else None) or model
    return [name for name in model.model_fields if name != "path"]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(part) for part in getattr(annotation, "__args__", ()))
    return next((model for model in inner if model), None)


# --- how results are written ----------------------------------------------------------------------


def write_csv(frame: pd.DataFrame, target: Any) -> None:
    """Write a frame, without its index, as CSV that a spreadsheet shows and does not run.

    Text that begins as a formula does (=, +, -, @, a tab or a line end) and is no number gets an
    apostrophe in front, ids and names of columns too; numbers have six significant digits.
    """
    frame = frame.copy()
    for name in frame.columns[[not is_numeric_dtype(dtype) for dtype in frame.dtypes]]:
        frame[name] = _inert(frame[name].astype(object))
    frame.columns = _inert(pd.Series(frame.columns, dtype=object))
    frame.to_csv(target, index=False, float_format="%.6g")


def _inert(values: pd.Series) -> pd.Series:
    """Return values with an apostrophe before each that a spreadsheet would run."""
    text = values.where(values.notna(), "").astype(str)
    runs = text.str.match(r"[=+\-@\t\r\n]") & ~text.str.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?")
    return values.mask(runs, "'" + text)


def as_json(what: Any) -> str:
    """Return deterministic JSON: sorted keys, ten significant digits, NaN as null."""
    return json.dumps(plain(what), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def plain(what: Any) -> Any:
    """Return the same content as plain Python objects, floats to ten significant digits."""
    if isinstance(what, dict):
        return {str(key): plain(value) for key, value in what.items()}
    if isinstance(what, (list, tuple, np.ndarray)):
        return [plain(value) for value in what]
    if isinstance(what, (bool, np.bool_)) or what is None:
        return None if what is None else bool(what)
    if isinstance(what, (int, np.integer)):
        return int(what)
    if isinstance(what, (float, np.floating)):
        return float(f"{what:.10g}") if math.isfinite(what) else None
    if what is pd.NaT:
        return None
    return what.isoformat() if isinstance(what, date) else str(what)
