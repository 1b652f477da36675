"""Whatever goes wrong: a card explains, keeps what is there, and recovers by itself."""

from playwright.sync_api import Page, Route, expect

from browser.access import barriers
from browser.conftest import QUEUE_LIMIT, NewTab, Watch
from browser.studio import LONG, PATIENCE, choose_simulated, expect_picture, expect_state, submit, take
from system.books import Books
from system.stack import Stack
from system.wait import until

AWAY = "Darkroom can’t be reached."  # noqa: RUF001


def test_a_restart_of_the_server_costs_nothing(tab: Page, watch: Watch, studio: Stack) -> None:
    watch.expects_outages = True
    card = take(tab, "a wooden box", steps=LONG)
    tab.locator("#words").fill("words in the making")
    studio.stop("gateway-0")
    expect(card.locator(".trouble")).to_contain_text(AWAY)
    expect(tab.locator("#strip")).to_have_text(AWAY)
    tab.locator("#words").press("Control+Enter")
    expect(tab.locator("[data-away]")).to_contain_text("Your words are kept.")
    expect(tab.locator("#words")).to_have_value("words in the making")
    studio.start("gateway-0")
    expect_picture(card)
    expect(card.locator(".trouble")).to_be_empty()
    expect(tab.locator("[data-away]")).to_contain_text("Darkroom is back.", timeout=15_000)
    expect(tab.locator("#roll > .card")).to_have_count(1)
    expect(tab.locator("#strip")).to_contain_text("worker")


def test_a_ledger_that_is_away_is_told_everywhere_and_waited_for(tab: Page, watch: Watch, studio: Stack) -> None:
    watch.expects_outages = True
    expect_picture(take(tab, "a white bowl"))
    card = take(tab, "a black bowl", steps=LONG)
    other = tab.context.new_page()
    with studio.proxy.away("redis"):
        expect(card.locator(".trouble")).to_contain_text(AWAY, timeout=15_000)
        tab.locator("#words").fill("a third bowl")
        tab.locator("[data-main]").click()
        expect(tab.locator("#bench .notice[role=alert]")).to_contain_text("Nothing was submitted", timeout=15_000)
        expect(tab.locator("#words")).to_have_value("a third bowl")
        assert barriers(tab) == []
        assert other.goto("/").status == 503  # type: ignore[union-attr]
        expect(other.locator("h1")).to_have_text(AWAY.rstrip("."))
        assert barriers(other) == []
    expect_picture(card)
    tab.get_by_role("button", name="Try again").click()
    expect(tab.locator("#roll > .card")).to_have_count(3, timeout=PATIENCE)
    expect_picture(tab.locator("#roll > .card").first)


def test_a_roll_of_a_hundred_and_a_full_line(tab: Page, studio: Stack, watch: Watch) -> None:
    frozen, jobs = studio.freeze("worker-0"), []
    try:
        for n in range(QUEUE_LIMIT):
            jobs.append(submit(tab, product=f"mug number {n}", steps=1))
        tab.reload()
        cards = tab.locator("#roll > .card")
        expect(cards.first.locator(".tell")).to_contain_text("100th in line")
        expect(cards.first.locator(".tell")).to_contain_text("99 jobs go before this one.")
        choose_simulated(tab)
        tab.locator("#words").fill("one too many")
        tab.locator("[data-main]").click()
        expect(tab.locator("#bench .notice[role=alert]")).to_contain_text("The line is full.")
        expect(tab.locator("#words")).to_have_value("one too many")
        expect(tab.locator("#count")).to_have_text(f"{QUEUE_LIMIT} pictures")
        expect(tab.locator("#strip")).to_contain_text("100 in line", timeout=15_000)
        assert cards.count() == 24
        for shown in (48, 72, 96):
            tab.locator(".more").scroll_into_view_if_needed()
            expect(cards).to_have_count(shown, timeout=PATIENCE)
        watch.expects_outages = True
        tab.context.set_offline(True)  # the last part finds nobody, and is asked for again
        tab.locator(".more").scroll_into_view_if_needed()
        expect(tab.locator(".more")).to_contain_text("This browser is offline.", timeout=PATIENCE)
        tab.context.set_offline(False)
        expect(cards).to_have_count(QUEUE_LIMIT, timeout=PATIENCE)
        expect(tab.locator(".more")).to_have_count(0)
        expect(cards.last.locator(".words")).to_have_text("mug number 0")
    finally:
        for job in jobs:
            tab.request.post(f"/v1/jobs/{job['id']}/cancel")
        studio.thaw(frozen)
    tab.get_by_role("button", name="Try again").click()
    expect(tab.locator("#count")).to_have_text(f"{QUEUE_LIMIT + 1} pictures")
    expect_picture(cards.first)


def test_a_browser_without_network_says_so_and_catches_up(tab: Page, watch: Watch) -> None:
    watch.expects_outages = True
    card = take(tab, "a donut", steps=LONG)
    tab.context.set_offline(True)
    expect(card.locator(".trouble")).to_contain_text("This browser is offline. What you see is kept")
    tab.context.set_offline(False)
    expect_picture(card)
    expect(card.locator(".trouble")).to_be_empty()


def test_a_picture_that_cannot_be_loaded_is_told_and_one_that_is_gone_too(tab: Page, watch: Watch) -> None:
    watch.expects_outages = True
    card = take(tab, "a pink vase")
    expect_picture(card)
    tab.route("**/images/*", lambda route: route.fulfill(status=503))
    tab.clock.install()
    tab.reload()
    expect(card.locator(".trouble")).to_contain_text("This picture can’t be loaded right now. Next try in 5 s.")  # noqa: RUF001
    tab.unroute("**/images/*")
    tab.clock.run_for(6_000)
    expect(card.locator(".trouble")).to_be_empty()
    expect_picture(card)

    tab.route("**/images/*", lambda route: route.fulfill(status=410))
    tab.reload()
    expect(card.locator(".trouble")).to_contain_text("can’t be loaded")  # noqa: RUF001
    tab.request.delete(str(card.get_attribute("id")).replace("job-", "/v1/jobs/"))
    tab.clock.run_for(6_000)
    expect(card.locator(".tell")).to_contain_text("This picture was deleted, or its time was over.")


def test_too_many_requests_are_told_as_such_and_the_servers_pace_is_kept(tab: Page, watch: Watch) -> None:
    watch.expects_outages = True
    card = take(tab, "a kettle", steps=LONG)
    asked: list[str] = []

    def too_many(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=429, headers={"Retry-After": "4"})

    tab.clock.install()
    tab.route("**/jobs/*/card", too_many)
    tab.clock.run_for(3_000)
    expect(card.locator(".trouble")).to_contain_text("One moment. Too many requests in a short time. Next try in 4 s.")
    tab.clock.run_for(3_000)
    assert len(asked) == 1, "it asked before its time"
    tab.unroute("**/jobs/*/card")
    tab.clock.resume()
    expect_picture(card)


def test_a_submit_that_is_refused_or_hangs_keeps_the_words_and_says_which(tab: Page, watch: Watch) -> None:
    watch.expects_outages = True
    tab.clock.install()
    told, button = tab.locator("[data-away]"), tab.locator("[data-main]")
    tab.locator("#words").fill("a lasting mug")
    tab.route("**/jobs", lambda route: route.fulfill(status=429))
    button.click()
    expect(told).to_have_text("One moment. Your words are kept. This picture was not taken: take it again in a moment.")
    tab.unroute("**/jobs")
    tab.route("**/jobs", lambda route: None)
    button.click()
    expect(button).to_be_disabled()
    expect(button).to_contain_text("Taking…")
    tab.clock.run_for(16_000)
    expect(told).to_contain_text("Darkroom can’t be reached. Your words are kept.")  # noqa: RUF001
    expect(button).to_be_enabled()
    expect(tab.locator("#words")).to_have_value("a lasting mug")


def test_a_picture_past_its_time_says_so_and_leaves_the_roll(tab: Page, studio: Stack, watch: Watch) -> None:
    card = take(tab, "a fading flower")
    expect_picture(card)
    job = str(card.get_attribute("id")).removeprefix("job-")
    books = Books(studio)
    books.redis.zadd("gc", {job: 1})
    books.redis.hset(f"job:{job}", "expires_at", "1")
    until(lambda: tab.request.get(f"/v1/jobs/{job}").status == 410, 20, "the janitor buries it")
    card.get_by_role("button", name="Vary").click()
    expect(card.locator(".tell, .trouble").first).to_contain_text("deleted, or its time was over")
    watch.expects_outages = True  # Chromium writes the 410 to the console
    tab.goto(f"/jobs/{job}")
    expect(tab.locator("h1")).to_have_text("This picture is gone")


def test_a_hidden_tab_asks_for_nothing(new_tab: NewTab) -> None:
    tab = new_tab()
    asked: list[str] = []
    tab.clock.install()
    tab.add_init_script(
        "let hidden = false; Object.defineProperty(document, 'hidden', {get: () => hidden, set: (to) => { hidden = to; }})"
    )
    tab.goto("/")
    card = take(tab, "a donut", steps=LONG)
    expect_state(card, "running")
    tab.evaluate("document.hidden = true")
    tab.on("request", lambda request: asked.append(request.url))
    tab.clock.run_for(20_000)
    assert asked == []
    tab.evaluate("document.hidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    tab.clock.resume()
    expect_picture(card)
