"""How a flow says no."""


class Refusal(Exception):
    """A request that cannot be done.  `reason` is a slug that the web floor turns into a sentence; `field` the input
    that it belongs to, "" for the whole form."""

    def __init__(self, reason: str, field: str = "", **values: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.values = values
