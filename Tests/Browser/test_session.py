"""Signing in and out: the session is a cookie that no script reads and no other site can use."""

import json
import time

from browser import PASSWORD, drop
from harness import ok, refused
from playwright.sync_api import expect

PAGE = {"x-atelier-request": "page"}


def cookie_of(server, account) -> dict:
    """Signed in as the page does it; the cookie as a header."""
    reply = server.http.post("/api/auth/login", json={"email": account.email, "password": PASSWORD, "cookie": True}, headers=PAGE)
    assert "token" not in ok(reply)
    value = reply.headers["set-cookie"]
    server.http.cookies.clear()
    for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="):
        assert part in value
    assert "Secure" not in value
    return {"Cookie": value.split(";")[0]}


def test_a_cookie_changes_something_only_from_the_page(server, person):
    cookie = cookie_of(server, person)
    minions = f"{person.base}/minions"
    body = {"name": "Cookie's", "provider": "local", "model_id": "m"}
    assert server.http.get("/api/me", headers=cookie).status_code == 200
    origin = server.url
    for headers in ({}, {"x-atelier-request": "other"}, PAGE | {"Origin": "https://elsewhere.example"}, PAGE | {"Sec-Fetch-Site": "cross-site"},
                    PAGE | {"Sec-Fetch-Site": "same-site"}, {"Origin": origin}, PAGE | {"Origin": "null"}):
        error = refused(server.http.post(minions, json=body, headers=cookie | headers), 403, "cross_site_request")
        assert error["details"][0]["hint"]
    assert server.http.get("/api/me", headers=cookie | {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    made = ok(server.http.post(minions, json=body, headers=cookie | PAGE | {"Origin": origin, "Sec-Fetch-Site": "same-origin"}))
    ok(server.http.delete(f"{minions}/{made['id']}", headers=cookie | PAGE))
    # A bearer's token works as ever, whatever the cookie.
    assert server.http.get("/api/me", headers=cookie | person.headers | {"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_no_other_site_can_sign_a_visitor_in(server, person):
    body = {"email": person.email, "password": PASSWORD, "cookie": True}
    refused(server.http.post("/api/auth/login", json=body), 403, "cross_site_request")
    refused(server.http.post("/api/auth/login", json=body, headers=PAGE | {"Origin": "https://elsewhere.example"}), 403, "cross_site_request")
    assert "set-cookie" not in server.http.post("/api/auth/login", json=body | {"cookie": False}).headers


def test_over_https_the_cookie_is_secure(server, person):
    host = server.url.removeprefix("http://")
    reply = server.http.post("/api/auth/login", json={"email": person.email, "password": PASSWORD, "cookie": True}, headers=PAGE | {"Origin": f"https://{host}"})
    server.http.cookies.clear()
    assert reply.headers["set-cookie"].startswith("__Host-atelier_session=session_") and "; Secure" in reply.headers["set-cookie"]


def test_signing_out_ends_the_session_and_the_cookie(server, person):
    cookie = cookie_of(server, person)
    refused(server.http.post("/api/auth/logout", headers=cookie), 403, "cross_site_request")
    reply = server.http.post("/api/auth/logout", headers=cookie | PAGE)
    assert reply.status_code == 204 and "Max-Age=0" in reply.headers["set-cookie"]
    server.http.cookies.clear()
    refused(server.http.get("/api/me", headers=cookie), 401, "unauthenticated")


def test_in_the_browser_no_script_sees_the_session(window, person):
    page = window.sign_in(person.email)
    assert page.evaluate("document.cookie") == ""
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])") + page.content()
    assert "session_" not in kept and PASSWORD not in kept
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.evaluate("history.back()")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_told_where_it_was_typed(window, person):
    page = window.open("sign-in")
    page.get_by_label("E-mail address").fill(person.email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("the address or the password is wrong")
    expect(page.get_by_label("E-mail address")).to_have_value(person.email)


def test_a_session_that_ends_loses_nothing_that_was_typed(window, server, person):
    page = window.sign_in(person.email)
    page.get_by_role("button", name="New minion").first.click()
    dialog = page.get_by_role("dialog", name="New minion")
    dialog.get_by_label("Name", exact=True).fill("Written before")
    dialog.get_by_label("System prompt").fill("A long text that took an hour.")
    server.sql("DELETE FROM sessions WHERE user_id = ?", person.id)
    dialog.get_by_role("button", name="Make the minion").click()
    again = page.get_by_role("dialog", name="Your session has ended")
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Written before", level=1)).to_be_visible()
    minions = server.sign_in(person.email).get("minions")["items"]
    assert [one["system_prompt"] for one in minions if one["name"] == "Written before"] == ["A long text that took an hour."]


def test_an_upload_goes_on_after_the_session_was_renewed(window, server, person):
    page = window.sign_in(person.email)
    page.goto(f"{server.url}/#/datasets")
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    window.settled()
    server.sql("DELETE FROM sessions WHERE user_id = ?", person.id)
    drop(page, {"kept.md": "# Kept\n\nOpen on Saturdays.\n"})
    again = page.get_by_role("dialog", name="Your session has ended")
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="kept.md")).to_be_visible()


def test_a_used_link_says_so_and_leaves_the_password(window, server):
    refused(server.http.post("/api/auth/link", json={"code": "0" * 64}), 401, "login_failed")
    page = window.open(f"welcome/{'0' * 64}/playground")
    expect(page.get_by_role("alert")).to_contain_text("used or is too old")
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_link_leads_where_it_says(window, server, person):
    """Links are made in the server's process (`atelier demo`); here the log-in stands behind the page's request."""
    log_in = json.dumps({"email": person.email, "password": PASSWORD, "cookie": True})
    window.page.route("**/api/auth/link", lambda route: route.continue_(url=f"{server.url}/api/auth/login", post_data=log_in))
    page = window.open("welcome/code/playground")
    expect(page.get_by_role("heading", name="Playground")).to_be_visible()
    assert "welcome" not in page.url
    page.go_back()
    assert "welcome" not in page.url, "the code is not left in the history"


def test_dates_are_of_the_viewers_zone(chromium, server, person):
    minion = person.minion(f"Dated {time.time_ns()}")
    shown = {}
    for zone in ("Asia/Tokyo", "America/New_York"):
        context = chromium.new_context(timezone_id=zone, locale="en-GB")
        page = context.new_page()
        page.goto(f"{server.url}/#/sign-in")
        page.get_by_label("E-mail address").fill(person.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        page.goto(f"{server.url}/#/minions/{minion['id']}")
        shown[zone] = page.locator("dl.facts div", has_text="Changed").locator("dd").inner_text()
        context.close()
    assert shown["Asia/Tokyo"] != shown["America/New_York"]


def test_a_person_changes_the_password_and_ends_the_other_sessions(window, server):
    """By keyboard alone."""
    person = server.account(f"mover-{time.time_ns()}")
    elsewhere = server.sign_in(person.email)
    page = window.sign_in(person.email)
    page.goto(f"{server.url}/#/account")
    table = page.get_by_role("region", name="Sessions")
    expect(table.get_by_role("row")).to_have_count(4)
    expect(table.get_by_text("This one")).to_have_count(1)
    table.get_by_role("button", name="End the session of python-httpx").first.press("Enter")
    expect(table.get_by_role("row")).to_have_count(3)
    page.get_by_label("Current password").fill("not the password")
    page.get_by_label("New password").fill(PASSWORD + "-new")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("is not your password")
    page.get_by_label("Current password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(table.get_by_role("row")).to_have_count(2)
    for one in (person, elsewhere):
        refused(server.http.get("/api/me", headers=one.headers), 401, "unauthenticated")
    page.get_by_role("button", name="Sign out everywhere").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").press("Enter")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
