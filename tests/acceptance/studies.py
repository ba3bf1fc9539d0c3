"""The studies that the acceptance tests run, each written below an empty folder.

A function returns the path of a study.yaml, and the calls of `seglib` that make its runs where
that is more than one plain `run`.
"""

import shutil
from pathlib import Path

import exposed
import worlds

DATA = Path(__file__).parents[2] / "data"


def shop(folder):
    """Three planted groups of customers, with products, campaigns and a holdout."""
    return (worlds.write_shop(folder),)


def club(folder):
    """Two planted groups of members, listed once each; the smallest study there is."""
    tables, study = worlds.club_tables(), worlds.club_study()
    return (worlds.write_study(folder, "club", tables, study),)


def _shipped(folder, name):
    place = folder / "data" / name
    place.mkdir(parents=True)
    return (Path(shutil.copy(DATA / name / "study.yaml", place)),)


def complete_journey(folder):
    """The default study."""
    return _shipped(folder, "complete_journey")


def cdnow(folder):
    """Transactions alone."""
    return _shipped(folder, "cdnow")


def telco_churn(folder):
    """A subscription business, customers alone."""
    return _shipped(folder, "telco_churn")


def personality(folder):
    """A survey."""
    return _shipped(folder, "personality")


def exposed_shop(folder):
    """A shop with persons, formulas, markup and unusable rows in its tables."""
    return (exposed.write(folder),)


def usage_log(folder):
    """Events of a tool: no orders, no money."""
    return (worlds.write_study(folder, "tool", worlds.log_tables(), worlds.log_study()),)


def even(folder):
    """A survey without groups."""
    return (worlds.write_study(folder, "even", worlds.even_tables(), worlds.even_study()),)


def trials(folder):
    """Randomised mailings, one of them sound, at two dates between which sixty stop to buy."""
    path = worlds.write_study(folder, "trials", worlds.trial_tables(), worlds.trial_study())
    return path, ("run", path, "--as-of", "2024-05-01"), ("run", path)
