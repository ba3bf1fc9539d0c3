"""Columns written after the fact: what happened, and what only who knows it could write."""

from __future__ import annotations

from seglib.columns import Column
from seglib.guess import Guess
from seglib.limits import LIMITS
from seglib.quality.future import auc
from seglib.sources.describe import SAMPLE

HAPPENED = {"yes", "y", "true", "t", "1", "ja", "j", "oui", "si", "sí", "churned", "left",
            "cancelled", "canceled", "exited", "gone", "lost", "attrited customer"}  # fmt: skip
ENDED = {"inactive", "inaktiv", "closed", "terminated", "expired", "gekündigt", "suspended",
         "ended"} | HAPPENED  # fmt: skip
PAST = {"churn": "churned", "cancel": "cancelled", "kündig": "cancelled", "kuendig": "cancelled",
        "attrition": "left", "exited": "left", "left": "left", "default": "defaulted"}  # fmt: skip


def outcome(found: Guess, column: Column) -> None:
    """Take a yes or no of what happened as an outcome; what is neither is left out."""
    over = ended(column)
    yes = [over] if over else [v for v in column.values or {} if v.lower() in HAPPENED]
    told = next((told for start, told in PAST.items() if start in column.name.lower()), over)
    if not told or len(yes) != 1 or column.distinct != 2:
        found.left[column.name] = "an outcome, it seems, or what is said of one"
        found.unsure.append(
            f"{column.name!r} seems to be what you want to foresee, or to tell of it; it is left "
            "out, because segments made with it would know the result"
        )
        return
    found.outcomes[column.name] = {
        "label": told, "happened": yes[0], "why": "judges the segments and never forms them",
    }  # fmt: skip
    found.unsure.append(
        f"{column.name!r} is taken as what happened afterwards ({yes[0]!r}: it did): say in its "
        "label what that is, in the past tense"
    )


def ended(column: Column) -> str:
    """Return of a status that is active or not the value that says it is not; else nothing."""
    values = {value.lower(): value for value in column.values or {}}
    running = {"active", "aktiv", "open"} & set(values)
    if column.kind != "text" or column.distinct != 2 or not running:
        return ""
    return next((shown for low, shown in values.items() if low in ENDED), "")


def leave_out(found: Guess) -> None:
    """Leave out the columns that tell an outcome nearly without fault: they were written after."""
    names = [*found.attributes, *found.outcomes]
    if not found.outcomes or not found.attributes:
        return
    table = found.table.opened.table.limit(SAMPLE)
    rows = table.select(**{n: found.table.at(n) for n in names}).to_pandas()
    events = {name: about for name, about in found.outcomes.items() if "happened" in about}
    for what, about in events.items():
        truth = rows[what].astype(str).str.strip().str.lower() == about["happened"].lower()
        for name in list(found.attributes):
            area = auc(rows[name].replace("", None), truth)
            if area >= LIMITS["leakage"][0]:
                del found.attributes[name]
                found.left[name] = f"tells {what!r} nearly without fault (AUC {area:.2f})"
                found.unsure.append(
                    f"{name!r} tells {what!r} nearly without fault: it seems to be known only "
                    "afterwards, and is left out"
                )
