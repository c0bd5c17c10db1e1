"""How the norm writes days and amounts, and how leniently both are read back."""

from datetime import date
from decimal import Decimal
from typing import Any


def midnight(day: date) -> str:
    """Returns a day as the norm sends it: midnight, with the `+00:00` form."""
    return f"{day.isoformat()}T00:00:00+00:00"


def day(text: str) -> date:
    """Returns the day of any of the four spellings: the first ten characters, no time zone ever shifted."""
    return date.fromisoformat(text[:10])


def euros(cents: int) -> float:
    """Returns an amount as the JSON number the norm wants."""
    return round(cents / 100, 2)


def cents(amount: Any) -> int:
    """Returns a JSON number, or a numeric string, in cents; refuses an amount with more than two decimals."""
    scaled = Decimal(str(amount)) * 100
    if scaled != scaled.to_integral_value():
        raise ValueError(f"not an amount in cents: {amount!r}")
    return int(scaled)


def months_later(start: date, months: int) -> date:
    """Returns the same day of a later month; `start` must be a day every month has."""
    index = start.year * 12 + start.month - 1 + months
    return start.replace(year=index // 12, month=index % 12 + 1)
