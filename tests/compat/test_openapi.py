"""The published descriptions themselves, held to the OpenAPI specification by a validator that is not ours."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from stage.published import DOCUMENTS, published


def document(name: str) -> dict[str, Any]:
    found = published()[name]
    if found is None:
        pytest.skip(f"not open yet: {DOCUMENTS[name]}")
    return dict(found)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_published_description_is_valid(name: str) -> None:
    read = document(name)
    assert read["openapi"].startswith("3.1."), read["openapi"]
    assert {one for one in references(read) if not leads(read, one)} == set()
    found = OpenAPIV31SpecValidator(read).iter_errors()
    faults = ["/".join(map(str, one.absolute_path)) + f": {one.message}" for one in found]
    assert faults == []


def references(value: Any) -> set[str]:
    """Returns every `$ref` of a document."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def leads(read: dict[str, Any], reference: str) -> bool:
    """Returns whether a reference within a document names something of it."""
    found: Any = read
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return found is not None


def test_the_command_prints_what_the_gateway_serves(binary: Path) -> None:
    printed = subprocess.run([binary, "openapi"], capture_output=True, check=True, text=True).stdout
    assert json.loads(printed) == document("native")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_operation_has_a_name_of_its_own_and_says_how_it_fails(name: str) -> None:
    read = document(name)
    operations = [one for methods in read["paths"].values() for one in methods.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    for one in operations:
        assert one["responses"], one["operationId"]
        assert one.get("summary") or one.get("description"), one["operationId"]
