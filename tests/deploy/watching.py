"""What a query names, held against what the gateways tell."""

import re

from packages import ROOT
from queries import ADDED, SELECTOR, Family, families, grouped, selectors
from running import Running, get

# What a matcher's value is made of when it names words, one or several.
WORDS = re.compile(r"[a-z_A-Z]+(?:\|[a-z_A-Z]+)*")


class Told:
    """The measures of the gateways that run."""

    def __init__(self, running: Running) -> None:
        self.by_name = families(running.played())
        for name, family in families(running.measures(running.worker)).items():
            known = self.by_name.setdefault(name, family)
            known.labels |= family.labels
        # A word that no gateway has had to say yet is one that the API's description or the manual lists.
        self.listed = set(re.findall(r'"([a-z_]+)"', get(running.demo, "/openapi.json")[1]))
        self.listed |= set(re.findall(r"`([a-z_]+)`", (ROOT / "docs" / "operations.md").read_text()))

    def words(self, name: str, label: str) -> set[str]:
        """Returns the words that a label may have."""
        return self.by_name[name].values.get(label, set()) | self.listed

    def labels(self, name: str) -> set[str]:
        """Returns the labels of a series."""
        family: Family = self.by_name[name]
        return family.labels | ADDED


def unknown(query: str, told: Told) -> list[str]:
    """Returns what a query names that no gateway tells."""
    wrong = []
    known: set[str] = set()
    for name, matchers in selectors(query):
        if name == "up":
            known |= ADDED
            wrong += [f"up{{{label}}}" for label, _, _ in matchers if label not in ADDED]
            continue
        if name not in told.by_name:
            wrong.append(name)
            continue
        labels = told.labels(name)
        known |= labels
        wrong += [f"{name}{{{label}}}" for label, _, _ in matchers if label not in labels]
        wrong += [
            f"{name}{{{label}={word}}}"
            for label, _, value in matchers
            if WORDS.fullmatch(value)
            for word in value.split("|")
            if word not in told.words(name, label)
        ]
    if SELECTOR.search(query):
        wrong += sorted(grouped(query) - known)
    return wrong


def manual() -> dict[str, set[str]]:
    """Returns the measures that the manual describes, with their labels."""
    text = (ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| ((?:`cfa_gateway_[^|]+)) \|", text, re.MULTILINE)
    named = [re.findall(r"`(cfa_gateway_[a-z_]+)(?:\{([a-z_,]*)\})?`", row) for row in rows]
    return {name: set(filter(None, labels.split(","))) for row in named for name, labels in row}
