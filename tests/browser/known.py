"""What axe-core may still say of a page, each with its reason; an excuse that is no longer needed fails."""

# By name of the page and rule: why it is as it is.
KNOWN: dict[tuple[str, str], str] = {}
