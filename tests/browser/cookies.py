"""Cookies of a grant in a browser, as an application sets them."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Route


def set_by_the_application(context: BrowserContext, front_door: str, cookies: list[str]) -> None:
    """A page of the front door's own host sets them with its answer."""

    def answer(route: Route) -> None:
        route.fulfill(body="<!doctype html>", headers={"Content-Type": "text/html", "Set-Cookie": "\n".join(cookies)})

    page = context.new_page()
    page.route("**/__test__/login", answer)
    page.goto(f"{front_door}/__test__/login")
    assert len(context.cookies()) == len(cookies)
