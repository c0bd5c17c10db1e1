"""Reading queries and measures: which names, which labels."""

import re
from dataclasses import dataclass, field

# What Prometheus itself adds to every series.
ADDED = {"job", "instance"}
SELECTOR = re.compile(r"\b(cfa_gateway_[a-z0-9_]+|up)\s*(?:\{([^}]*)\})?")
RECORDED = re.compile(r"\bcfa_gateway:[a-z0-9_:]+")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPED = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "gauge": ("",),
    "info": ("_info",),
}


@dataclass
class Family:
    """A measure: its series' names, and the labels seen on them."""

    kind: str
    labels: set[str] = field(default_factory=set)
    values: dict[str, set[str]] = field(default_factory=dict)


def families(text: str) -> dict[str, Family]:
    """Returns what `/metrics` says, by the names that series have."""
    found: dict[str, Family] = {}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        family = Family(kind)
        for suffix in SUFFIXES[kind]:
            found[name + suffix] = family
    for name, labels in re.findall(r"^([a-z][a-z0-9_]*)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        for label, _, value in MATCHER.findall(labels):
            found[name].labels.add(label)
            found[name].values.setdefault(label, set()).add(value)
    return found


def selectors(query: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Returns each series that a query reads: its name and its matchers (label, operator, value)."""
    return [(name, MATCHER.findall(inside)) for name, inside in SELECTOR.findall(query)]


def grouped(query: str) -> set[str]:
    """Returns the labels that a query groups or matches by."""
    return {label.strip() for inside in GROUPED.findall(query) for label in inside.split(",") if label.strip()}


def concrete(query: str) -> str:
    """Returns a query of the dashboard as Grafana would send it."""
    for variable, value in (("$__rate_interval", "1m"), ("$__range", "6h"), ("$opco", ".*")):
        query = query.replace(variable, value)
    assert "$" not in query.replace('"$1"', ""), query
    return query
