"""The rule of a model as one SELECT, giving the same segments as ``SegmentModel.predict``."""

from __future__ import annotations

import numpy as np

from seglib.clustering import algorithms


def select(model: dict, table: str, key: str) -> str:
    """Write a query for ``key`` and ``segment`` of every row of ``table``.

    Plain SQL (CASE, LEAST, GREATEST, ABS, LN, POWER), checked on DuckDB and PostgreSQL. There every
    step is computed once: inlined, PostgreSQL would write each expression as often as it is used.
    """
    params, rules = model["parameters"], model["columns"]
    steps = [("encoded", [f"{quote(key)} AS row_key", *_columns(params, rules)], table)]
    if params.get("metric"):
        steps.append(("turned", ["row_key", *_turned(params["metric"])], "encoded"))
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


def _columns(params: dict, rules: list[dict]) -> list[str]:
    if params["method"] != "latent_class":
        terms = encoded_terms(rules)
    else:
        terms = [_answer(rule) for rule in rules]
    return [f"{term} AS x{i}" for i, term in enumerate(terms)]


def _answer(rule: dict) -> str:
    name = quote(rule["name"])
    if rule["kind"] != "numeric":
        return name
    return f"CASE WHEN {_known(rule)} THEN {encoded_terms([rule])[0]} ELSE NULL END"


def _turned(metric: list[list[float]]) -> list[str]:
    return [
        " + ".join(f"{number(row[j])} * x{i}" for i, row in enumerate(metric)) + f" AS x{j}"
        for j in range(len(metric))
    ]


def _kmeans(params: dict, _rules: list[dict]) -> list[str]:
    return [
        "-(" + " + ".join(f"POWER(x{i} - ({number(c)}), 2)" for i, c in enumerate(centre)) + ")"
        for centre in params["centres"]
    ]


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
        tables = iter(params["tables"][i])
        bells = zip(params["means"][i], params["variances"][i], strict=True)
        terms = [
            _bell(j, *next(bells)) if rule["kind"] == "numeric" else _lookup(j, rule, next(tables))
            for j, rule in enumerate(rules)
        ]
        texts.append(" + ".join([number(np.log(weight)), *terms]))
    return texts


def _bell(j: int, mean: float, variance: float) -> str:
    base = float(np.log(2 * np.pi * variance))
    away = f"POWER(x{j} - ({number(mean)}), 2) / {number(variance)}"
    return f"COALESCE(-0.5 * ({number(base)} + {away}), 0)"


def _lookup(j: int, rule: dict, shares: list[float]) -> str:
    cases = " ".join(
        f"WHEN {literal(level)} THEN {number(np.log(share))}"
        for level, share in zip(rule["levels"], shares, strict=True)
    )
    return f"CASE x{j} {cases} ELSE 0 END"


def encoded_terms(rules: list[dict]) -> list[str]:
    """Write one expression per encoded column, in the order of :func:`encode.matrix`."""
    return [term for rule in rules for term in _SQL[rule["kind"]](rule)]


def quote(name: str) -> str:
    """Write an identifier."""
    return '"' + name.replace('"', '""') + '"'


def _sql_numeric(rule: dict) -> list[str]:
    raw = f"CAST({quote(rule['name'])} AS DOUBLE PRECISION)"
    value = f"LN(1 + GREATEST({raw}, 0))" if rule["log"] else raw
    clipped = f"LEAST(GREATEST({value}, {number(rule['low'])}), {number(rule['high'])})"
    filled = f"CASE WHEN {_known(rule)} THEN {clipped} ELSE {number(rule['fill'])} END"
    return [f"({filled} - ({number(rule['centre'])})) / {number(rule['scale'])}"]


def _known(rule: dict) -> str:
    """Write that a number is there and finite; engines hold NaN greater than any number."""
    raw = f"CAST({quote(rule['name'])} AS DOUBLE PRECISION)"
    return f"ABS({raw}) <= {number(np.finfo(float).max)}"


def _sql_ordered(rule: dict) -> list[str]:
    cases = " ".join(f"WHEN {literal(v)} THEN {i}" for i, v in enumerate(rule["levels"]))
    position = f"CASE {quote(rule['name'])} {cases} ELSE {number(rule['fill'])} END"
    return [f"({position} - ({number(rule['centre'])})) / {number(rule['scale'])}"]


def _sql_nominal(rule: dict) -> list[str]:
    terms = []
    for i in range(len(rule["levels"])):
        cases = []
        own = rule["shares"][i]
        for j, level in enumerate(rule["levels"]):
            value = ((i == j) - own) / np.sqrt(own * rule["inertia"])
            cases.append(f"WHEN {literal(level)} THEN {number(value)}")
        terms.append(f"CASE {quote(rule['name'])} {' '.join(cases)} ELSE 0.0 END")
    return terms


_SQL = {"numeric": _sql_numeric, "ordered": _sql_ordered, "nominal": _sql_nominal}


def number(value: float) -> str:
    """Write a number in double precision, never as a decimal."""
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def literal(value: object) -> str:
    """Write a level as a literal."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


_FORMULAS = {"kmeans": _kmeans, "gmm": _gmm, "latent_class": _latent}
