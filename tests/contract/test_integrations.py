"""Every integration is asked the same.  A folder that appears beside the others is asked unasked."""

import pytest

from portal.contract.definition import Integration
from portal.integrations import all_integrations
from tests.contract import checks

each = pytest.mark.parametrize("one", all_integrations().values(), ids=lambda one: one.key)


@each
@pytest.mark.parametrize(
    "check",
    [
        checks.key_is_the_folder,
        checks.speaks_three_languages,
        checks.secrets_are_marked,
        checks.definition_holds_together,
        checks.imports_only_its_own,
        checks.samples_map_as_expected,
        checks.reading_is_pure,
        checks.reading_answers_or_refuses,
        checks.vectors_are_reproduced,
        checks.bad_answers_become_our_errors,
        checks.wrong_types_become_our_errors,
        checks.wrong_addresses_become_our_errors,
    ],
    ids=lambda check: check.__name__,
)
def test_every_folder_keeps_the_contract(one: Integration, check) -> None:
    check(one)


@each
def test_nothing_secret_gets_out(one: Integration, caplog: pytest.LogCaptureFixture) -> None:
    checks.nothing_secret_gets_out(one, caplog)
