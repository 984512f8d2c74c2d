"""Every folder beside this file is one integration.  Being there is being registered."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from portal.contract.definition import Integration


@cache
def all_integrations() -> dict[str, Integration]:
    """Every integration by its key, in the order of their names.  A broken folder breaks the start."""
    folders = (module.name for module in iter_modules(__path__) if module.ispkg)
    found: list[Integration] = [import_module(f"{__name__}.{name}").INTEGRATION for name in folders]
    return {each.key: each for each in sorted(found, key=lambda each: each.name)}


def get(key: str) -> Integration:
    """The integration of that key.  Raises KeyError where no folder has it."""
    return all_integrations()[key]
