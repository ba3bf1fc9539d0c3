"""What a column is, from its dtype and values: numeric, ordered, nominal, or not for clustering."""

import re

import numpy as np
import pandas as pd

from seglib.study import StudyError


def kind(values: pd.Series) -> str:
    """``numeric``, ``ordered`` or ``nominal``, from the dtype."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "ordered" if values.cat.ordered else "nominal"
    if pd.api.types.is_bool_dtype(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
        return "nominal"
    return "numeric"


_ID_NAME = re.compile(r"(^|[^a-z])(id|uuid|guid|key)$|_id$", re.IGNORECASE)


def refuse(name: str, values: pd.Series) -> None:
    """Raise StudyError for identifiers, dates and infinities."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or _holds_dates(values):
        raise StudyError(
            f"Column {name!r} holds dates; turn it into a number first, such as days before as_of."
        )
    if kind(values) == "numeric":
        infinite = int(np.isinf(values.to_numpy(dtype=float, na_value=np.nan)).sum())
        if infinite:
            raise StudyError(
                f"Column {name!r} holds {infinite} infinite values; make them missing or finite."
            )
    if _looks_like_ids(str(name), values):
        raise StudyError(
            f"Column {name!r} has a different value in every row, like an identifier; "
            "make it the index or drop it."
        )


def _holds_dates(values: pd.Series) -> bool:
    if pd.api.types.is_timedelta64_dtype(values.dtype):
        return True
    first = values.dropna().head(1)
    return bool(len(first)) and hasattr(first.iloc[0], "year") and hasattr(first.iloc[0], "month")


def _looks_like_ids(name: str, values: pd.Series) -> bool:
    present = values.dropna()
    if len(present) < 10 or present.nunique() < len(present):
        return False
    if kind(values) != "numeric":
        return True
    numbers = present.to_numpy(dtype=float)
    whole = bool(np.all(numbers == np.round(numbers)))
    dense = np.ptp(numbers) < 1.1 * len(numbers)
    return whole and (dense or bool(_ID_NAME.search(name)))
