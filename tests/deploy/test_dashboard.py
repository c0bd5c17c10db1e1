"""The dashboard: every panel named and measured in something, every query about what the program tells."""

import re
from typing import Any

import pytest

from packages import RULES, dashboard, load
from queries import concrete, grouped
from running import Running
from watching import unknown

BOARD = dashboard()
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
# Every replica that delivers shows them, all the same.
GAUGES = (
    "queue_",
    "webhook_endpoints",
    "webhook_behind",
    "webhook_parked",
    "orphans_open",
    "alerts_open",
    "files_in_custody",
    "log_broken",
    "log_unsealed",
    "vouching_behind",
    "vouching_conflicts",
)
OF_THE_DATABASE = re.compile(rf"cfa_gateway_(?:{'|'.join(GAUGES)})")
LARGEST = re.compile(rf"\bmax(?: by \([^)]*\) )?\({OF_THE_DATABASE.pattern}")
QUERIES = {f"{panel['title']} {target['refId']}": target for panel in PANELS for target in panel["targets"]}


def test_it_names_itself_and_no_source_of_one_place() -> None:
    assert BOARD["title"] == "CFA Gateway"
    assert BOARD["uid"] == "cfa-gateway"
    for panel in PANELS:
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source == {"type": "prometheus", "uid": "${source}"} for source in sources)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_each_panel_has_a_title_a_sentence_and_a_unit(panel: dict[str, Any]) -> None:
    assert panel["title"].strip()
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]


def test_titles_and_numbers_are_given_once_and_panels_do_not_overlap() -> None:
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("name", QUERIES)
def test_each_query_reads_what_the_program_tells(name: str, told: Any) -> None:
    target = QUERIES[name]
    query = concrete(target["expr"])
    assert not unknown(query, told)
    # A legend of a label that was summed away would print as nothing.
    legend = target["legendFormat"]
    shown = {part.split("}}")[0].strip() for part in legend.split("{{")[1:]}
    assert shown <= grouped(query), legend


def test_the_counts_of_the_database_are_not_added_up_over_replicas() -> None:
    rules = {
        rule.get("alert") or rule["record"]: rule["expr"] for group in load(RULES)["groups"] for rule in group["rules"]
    }
    for name, query in {**{name: target["expr"] for name, target in QUERIES.items()}, **rules}.items():
        assert len(OF_THE_DATABASE.findall(query)) == len(LARGEST.findall(query)), name


@pytest.mark.parametrize("name", QUERIES)
def test_each_query_is_answered_by_prometheus(name: str, prometheus: Running) -> None:
    prometheus.played()
    prometheus.ask("query", query=concrete(QUERIES[name]["expr"]))
