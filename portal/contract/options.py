"""The options whose meaning the whole house knows, whichever remote offers them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A connection's options as the flows read them.

    `max_level` None means no cap and 0 shows nothing; `buffer` None means that nothing is said here.
    `import_orders_from` is None for "from the moment of turning on".  `merge_window` is in minutes.  A change that
    would show 0 for at least `brake_count` listings and `brake_share` percent of those that show more is stopped first.
    """

    import_products: bool = True
    auto_link: bool = True
    import_orders: bool = True
    sync_stock: bool = False
    export: bool = False
    use_channel_names: bool = False
    max_level: int | None = None
    buffer: int | None = None
    export_prices: bool = False
    auto_merge: bool = False
    merge_customer: bool = True
    merge_address: bool = True
    merge_window: int = 30
    confirm_first: bool = False
    brake_count: int = 20
    brake_share: int = 30
    import_orders_from: datetime | None = None

    @classmethod
    def read(cls, saved: Mapping[str, Any]) -> Self:
        """From the saved mapping; what is not named there keeps its default, what is unknown here is left out."""
        known = {each.name for each in fields(cls)}
        empty = {each.name for each in fields(cls) if each.default is None}
        values = {key: value for key, value in saved.items() if key in known and (value is not None or key in empty)}
        moment = values.get("import_orders_from")
        if isinstance(moment, str):
            values["import_orders_from"] = datetime.fromisoformat(moment)
        return cls(**values)


def shown(available: int, buffer: int | None, max_level: int | None) -> int:
    """What a channel displays: the available number less the buffer, never below 0, never above the cap."""
    level = max(0, available - (buffer or 0))
    return level if max_level is None else min(max_level, level)
