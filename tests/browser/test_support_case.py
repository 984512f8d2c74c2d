"""A whole case of support, in two languages: a channel breaks, an agent looks, asks, acts and stops, and the merchant
reads what was done."""

from __future__ import annotations

import pytest
from playwright.sync_api import Dialog, expect

from tests.browser import support_case
from tests.browser.house import House
from tests.browser.support_case import RIGHT_BUFFER, TICKET, WRONG_BUFFER, Case
from tests.browser.visit import Visit, Visiting

WHY = "The stock buffer hides everything: 3 instead of 9999"

# A form of which the portal says that it asks before it is left, as those for words of the quality check do.
WATCHED = """document.querySelector("main").insertAdjacentHTML("beforeend",
  "<form data-watch><input id=watched name=watched></form>")"""


@pytest.mark.parametrize("locale", ["en", "id"])
def test_an_agent_finds_a_broken_channel_mends_it_with_consent_and_the_merchant_reads_it(
    house: House, visiting: Visiting, locale: str
) -> None:
    case = support_case.begin(house, visiting, locale)
    support_case.connect(case)
    support_case.break_it(case)

    support_case.find(case)
    _sees_what_the_merchant_sees(case)
    support_case.view_as(case)
    _may_only_look(case)

    support_case.ask(case, WHY)
    support_case.allow(case, WHY)
    support_case.act(case)
    _mends_what_staff_may_mend(case)
    _never_sees_the_keys(case)
    _the_owner_gives_a_new_token(case)
    _turns_it_on_again(case)
    support_case.leave(case.agent)

    _all_is_well(case)
    _the_merchant_reads_it(case)
    _the_support_team_reads_it(case)


def _sees_what_the_merchant_sees(case: Case) -> None:
    """The merchant's page says the same sentence as the merchant's own, without its buttons."""
    owner, agent = case.pages
    case.owner.open("/")
    told = owner.locator("#attention .issue h3").first.inner_text()
    expect(agent.locator("#problems")).to_contain_text(told)
    expect(agent.locator("#problems button[type=submit]")).to_have_count(0)
    expect(agent.locator("#stores")).to_contain_text(case.account["shop_name"])
    expect(agent.locator("#people")).to_contain_text(case.owner_name)


def _may_only_look(case: Case) -> None:
    """No button that changes something is drawn; what is sent all the same is refused, and the strip stays."""
    agent, page = case.agent, case.agent.page
    agent.open(case.channel)
    support_case.strip(case)
    expect(page.get_by_role("switch")).to_have_count(0)
    expect(agent.button("Sync now")).to_have_count(0)
    agent.refused_at(f"{case.channel}/sync", f"{case.channel}/settings", "/support")
    support_case.send(agent, f"{case.channel}/sync")
    agent.heads("You only look")
    support_case.strip(case)
    agent.open("/support")
    agent.heads("Stop first")
    support_case.strip(case)


def _mends_what_staff_may_mend(case: Case) -> None:
    agent, page = case.agent, case.agent.page
    agent.open(f"{case.channel}/options")
    expect(page.locator("#buffer")).to_have_value(WRONG_BUFFER)
    page.locator("#buffer").fill(RIGHT_BUFFER)
    page.locator("#options_form .savebar .primary").click()
    agent.sees("The settings were saved.")
    support_case.strip(case)


def _never_sees_the_keys(case: Case) -> None:
    agent = case.agent
    agent.open(f"{case.channel}/settings")
    agent.heads("Support may never do this")
    expect(agent.page.locator("#api_secret, #access_token")).to_have_count(0)


def _the_owner_gives_a_new_token(case: Case) -> None:
    """The sign-in at JD is the merchant's alone."""
    owner, page, sandbox = case.owner, case.owner.page, case.house.sandbox
    sandbox.control("token", integration="jd_com", account=case.account["name"], deed="new")
    fresh = sandbox.account("jd_com", case.account["name"])["tokens"][0]["access"]
    owner.open(f"{case.channel}/settings?replace=all")
    for key, value in (("api_key", case.account["app_key"]), ("api_secret", case.account["app_secret"])):
        page.locator(f"#{key}").fill(value)
    page.locator("#access_token").fill(fresh)
    page.locator("#keys_form .savebar .primary").click()
    expect(page.locator("#keys_form .field-error")).to_have_count(0)


def _turns_it_on_again(case: Case) -> None:
    agent = case.agent
    agent.open(case.channel)
    support_case.turn_on(agent)
    expect(agent.page.locator("#state_badge .badge").first).to_have_text(agent.say("Connected"))


def _all_is_well(case: Case) -> None:
    agent, page = case.agent, case.agent.page
    page.locator("#merchants_list_q").fill(case.merchant)
    row = page.locator("#merchants_list tbody tr")
    expect(row).to_have_count(1)
    expect(row).not_to_contain_text(support_case.trouble(agent))


def _the_merchant_reads_it(case: Case) -> None:
    """Who was here, as whom, why, which pages, which changes; and both names in the trail of everything."""
    owner, page = case.owner, case.owner.page
    owner.open("/settings/support")
    row = page.locator("#visits_past tbody tr")
    expect(row).to_have_count(1)
    for told in (case.agent_name, case.owner_name, TICKET):
        expect(row).to_contain_text(told)
    row.locator("a.name").click()
    notes = page.locator("#visit_notes")
    expect(notes).to_contain_text(owner.say("Saved the options of %(name)s", name="JD.com"))
    expect(notes).to_contain_text(owner.say("Turned %(name)s on", name="JD.com"))
    expect(notes).to_contain_text(f"{case.agent_name} / {case.owner_name}")
    pages = page.locator("#visit_pages")
    for path in (case.channel, f"{case.channel}/options", f"{case.channel}/settings", "/support/ask"):
        expect(pages.locator("code").filter(has_text=path).first).to_be_visible()
    expect(pages.locator("tr").filter(has_text=f"{case.channel}/sync").first).to_contain_text(owner.say("Refused"))
    owner.open("/settings/activity")
    expect(page.locator("main")).to_contain_text(
        owner.say("%(agent)s of the support staff, as %(whom)s", agent=case.agent_name, whom=case.owner_name)
    )


def _the_support_team_reads_it(case: Case) -> None:
    agent, page = case.agent, case.agent.page
    agent.menu("View-as sessions")
    page.locator("#sessions_list_q").fill(case.merchant)
    row = page.locator("#sessions_list tbody tr")
    expect(row).to_have_count(1)
    for told in (case.agent_name, case.owner_name, TICKET, agent.say("Stopped by the agent")):
        expect(row).to_contain_text(told)
    row.locator("a.name").click()
    expect(page.locator("#steps")).to_contain_text(WHY)
    expect(page.locator("#steps")).to_contain_text(agent.say("Allowed by %(name)s", name=case.owner_name))
    expect(page.locator("#deeds")).to_contain_text(agent.say("Saved the options of %(name)s", name="JD.com"))
    agent.open("/support/report")
    expect(page.locator("#longest")).to_contain_text(case.agent_name)


def test_a_dialog_wears_the_strip_and_at_the_end_of_the_time_nothing_asks_to_stay(
    house: House, visiting: Visiting
) -> None:
    agent, owner = visiting("en", reduced_motion="reduce"), visiting("en", reduced_motion="reduce")
    owner.sign_in("owner@northwick.example")
    page = agent.page
    agent.sign_in(support_case.STAFF, support_case.STAFF_PASSWORD)
    agent.open("/support?q=northwick")
    page.locator("#merchants_list tbody a.name").first.click()
    support_case.look_as(agent)
    for _ in support_case.consent(agent, owner):
        pass
    _over_a_dialog(agent)
    _at_the_end_of_the_time(agent)


def _over_a_dialog(agent: Visit) -> None:
    """What opens over the page has the strip above it, in sight and at hand; with it, the page still has one."""
    page = agent.page
    agent.open("/settings/my-store")
    page.locator("#add_channel").click()
    worn = page.locator("dialog[open] .strip.worn")
    expect(worn).to_be_in_viewport()
    expect(worn).to_contain_text(TICKET)
    expect(worn.locator(".clock")).to_contain_text("min left.")
    stop = worn.locator("form[action='/support/stop'] button")
    stop.focus()
    expect(stop, "it can be reached by the keyboard too").to_be_focused()
    stop.click(trial=True)
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator(".strip.worn")).to_have_count(0)
    expect(page.locator("#support_strip")).to_be_visible()


def _at_the_end_of_the_time(agent: Visit) -> None:
    """A form with something typed asks whether to leave, as long as it can be saved; at the end nothing does."""
    page, asked = agent.page, list[str]()

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.evaluate(WATCHED)
    page.locator("#watched").fill("Typed and not saved")
    page.locator("#support_strip a[href='/support/extend']").click(no_wait_after=True)
    expect(page.locator("#watched")).to_have_value("Typed and not saved")
    assert asked == ["beforeunload"], "the agent is asked, and stays"
    with page.expect_navigation(url=f"{agent.house.url}/"):
        page.evaluate("document.getElementById('support_clock').dataset.seconds = '0'")
    assert asked == ["beforeunload"], "what cannot be saved any more holds nobody"
