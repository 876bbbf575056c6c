"""What the gateway booked for a request: all receipts of one correlation id, which names one request.

A request is one call of a provider, or several where the gateway works in a loop; each has a receipt.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from .endpoint import Endpoint, Unanswered

# How the id is told.
HEADER = "x-correlation-id"
_PAGE = 200
_PAGES = 10


@dataclass(frozen=True)
class Booked:
    """What a request used and cost, over all of its calls."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost: Decimal


def of(gateway: Endpoint, correlation: str) -> Booked:
    """The receipts of a request that has ended. `Unanswered`, if the endpoint shows none."""
    found, before = [], None
    try:
        for _ in range(_PAGES):
            path = f"/receipts?limit={_PAGE}" + (f"&before={before}" if before else "")
            page = gateway.call("GET", path)["data"]
            found += [it for it in page if it["correlation_id"] == correlation]
            # They come newest first: behind the last of a request there are none of it.
            if len(page) < _PAGE or (found and page[-1]["correlation_id"] != correlation):
                break
            before = page[-1]["id"]
        booked = Booked(
            len(found),
            sum(int(it["usage"]["input_tokens"]) for it in found),
            sum(int(it["usage"]["output_tokens"]) for it in found),
            sum((Decimal(it["cost"]) for it in found), Decimal(0)),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise Unanswered(f"no receipts: {error!r}") from None
    if not found:
        raise Unanswered("no receipt of the request")
    return booked
