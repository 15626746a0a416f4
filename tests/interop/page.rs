//! The page at `/` in a browser, beside a daemon that locks, holds over, ends and comes back.

pub mod beside {
    use std::time::Duration as Timeout;

    use serde_json::Value;
    use synchronome::observe::units;
    use synchronome::time::{Duration, SyncState};

    use super::super::browser::{Browser, DESKTOP, PHONE, pictures};
    use super::super::daemon::{Daemon, Options};
    use super::super::embedded::ask_ntp;
    use super::super::lab::Lab;
    use super::super::ntp::{chronyd_off_by, chronyd_server, source};
    use super::super::running::{always_master, ptp4l};

    const ADDRESS: &str = "http://127.0.0.1:9319/";
    /// As long as it is away: more than what is still a line.
    const AWAY: Timeout = Timeout::from_secs(6);

    /// All that is written, with too little contrast to what is behind it (WCAG 2.2, 1.4.3).
    const TOO_FAINT: &str = r#"
        const channels = (text) => text.match(/[\d.]+/g).map(Number);
        const light = (text) => {
            const [r, g, b] = channels(text).map((n) => n / 255).map((n) => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const behind = (element) => {
            for (let e = element; e; e = e.parentElement) {
                const colour = getComputedStyle(e).backgroundColor;
                if ((channels(colour)[3] ?? 1) === 1) return colour;
            }
            return "rgb(255, 255, 255)";
        };
        const found = [];
        for (const element of document.querySelectorAll("body *")) {
            const isWritten = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
            if (!isWritten || !element.getClientRects().length || element.closest("script, style, noscript")) continue;
            const style = getComputedStyle(element);
            const [a, b] = [light(element.ownerSVGElement ? style.fill : style.color), light(behind(element))];
            const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            found.push([element.textContent.slice(0, 40), contrast]);
        }
        if (found.length < 40) return "only " + found.length + " texts were looked at";
        return found.filter(([, contrast]) => contrast < 4.5).map(String).join("; ");
    "#;

    /// What is wider than its place; the page itself above all.
    const TOO_WIDE: &str = r#"
        const all = [document.documentElement, ...document.querySelectorAll("body, main, .card, .card > *:not(.scroll)")];
        const wide = all.filter((e) => e.namespaceURI.endsWith("xhtml") && e.scrollWidth > e.clientWidth + 1);
        return wide.map((e) => `${e.tagName} ${e.id} ${e.scrollWidth} > ${e.clientWidth}`).concat(innerWidth > 360 ? [innerWidth] : []).join("; ");
    "#;

    /// What a screen reader would miss.
    const UNNAMED: &str = r#"
        const missing = ["main", "header", "footer", "h1"].filter((tag) => document.querySelectorAll(tag).length !== 1);
        for (const section of document.querySelectorAll("section, [role=group], [role=img]")) {
            const named = (section.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent);
            if (!section.getAttribute("aria-label") && !named.join("").trim()) missing.push(section.outerHTML.slice(0, 80));
        }
        if (document.documentElement.lang !== "en") missing.push("lang");
        if (document.querySelectorAll("[role=status]").length !== 1) missing.push("status");
        return missing.join("; ");
    "#;

    /// Names and sentences as an enemy would choose them, and what has become of them.
    const HOSTILE: &str = r#"
        const evil = `<img src="http://10.71.0.1/x" onerror="window.hacked = 1"><script>window.hacked = 2</scr` + `ipt>`;
        const answer = structuredClone(last.answer);
        const poison = (value) => typeof value === "string" ? evil
            : Array.isArray(value) ? value.map(poison)
            : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, ["tone", "generated_at"].includes(k) ? v : poison(v)]))
            : value;
        const [before, kept] = [last, events];
        const elements = document.querySelectorAll("img, script").length;
        last = { answer: poison(answer), t: last.t };
        events = poison(events).map((event) => ({ ...event, at: "2026-01-01T00:00:00Z", fields: { [evil]: evil } }));
        draw();
        const said = document.body.innerText.split("onerror=").length - 1;
        const more = document.querySelectorAll("img, script").length - elements;
        [last, events] = [before, kept];
        draw();
        return [said, more, window.hacked ?? 0];
    "#;

    /// What the policy does with what it does not know.
    const FORBIDDEN: &str = r#"
        const told = [];
        document.addEventListener("securitypolicyviolation", (event) => told.push(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "window.hacked = 3";
        document.body.append(script);
        const styled = document.createElement("p");
        styled.setAttribute("style", "color: red");
        new Image().src = "http://10.71.0.1/x.png";
        fetch("http://10.71.0.1/").catch(() => {});
        setTimeout(() => done([window.hacked ?? 0, [...new Set(told)].sort()]), 500);
    "#;

    /// In some seconds: the changes of what is read aloud, how many points came, how often the state changed.
    const READ_ALOUD: &str = r#"
        let changes = 0;
        const observer = new MutationObserver((all) => { changes += all.length; });
        const everything = { childList: true, subtree: true, characterData: true, attributes: true };
        observer.observe(document.getElementById("word"), everything);
        const [before, state] = [performance.now(), document.body.dataset.state];
        setTimeout(() => {
            observer.disconnect();
            const came = points.filter((point) => point.t > before);
            done([changes, came.length, came.filter((point) => point.state !== state).length]);
        }, 2500);
    "#;

    /// How many runs of the daemon are known, how many gaps lie between the first two, what else is drawn there, and how long that was.
    const GAP: &str = r#"
        drawCourse();
        const runs = [...new Set(points.map((point) => point.run))];
        const until = points.findLast((point) => point.run === runs[0]).t, from = points.find((point) => point.run === runs[1]).t;
        const [left, right] = [58, document.getElementById("course").clientWidth - 4];
        const x = (t) => right - (performance.now() - t) / shownRange() * (right - left);
        const boxes = (what) => [...document.querySelectorAll(what)].map((element) => element.getBBox());
        const isBetween = (box) => Math.abs(box.x - x(until)) < 2 && Math.abs(box.x + box.width - x(from)) < 2;
        const reachesIn = (box) => box.x < x(from) - 2 && box.x + box.width > x(until) + 4;
        const drawn = boxes('#course .band, #course .offset, #course .strip');
        return [runs.length, boxes('#course .gap').filter(isBetween).length, drawn.filter(reachesIn).length, (from - until) / 1000, drawn.length];
    "#;

    /// Of the last two points of each state, the page's own and the daemon's: how many there are, whether all have a bound, and any an offset.
    const DRAWN: &str = r"
        const told = (await (await fetch('history.json')).json()).points.map(([, offset, bound, state]) => ({ offset, bound, state }));
        done([points, told].map((all) => ['LOCKED', 'HOLDOVER'].map((state) => {
            const those = all.filter((point) => point.state === state).slice(-2);
            return [those.length, those.every((point) => point.bound > 0), those.some((point) => point.offset !== null)];
        })));
    ";

    fn pictures_of(browser: &Browser, what: &str) {
        for screen in [PHONE, DESKTOP] {
            for is_dark in [false, true] {
                browser.show_on(screen, is_dark);
                let mode = if is_dark { "dark" } else { "light" };
                let where_ = format!("{what}, {} {mode}", screen.name);
                assert_eq!(browser.run(TOO_FAINT), "", "{where_}: too little contrast");
                if screen.width == PHONE.width {
                    assert_eq!(browser.run(TOO_WIDE), "", "{where_}: it must be scrolled sideways");
                }
                browser.picture(&pictures().join(format!("{what}-{}-{mode}.png", screen.name)));
            }
        }
        browser.show_on(PHONE, false);
    }

    /// Figures of the page are those of the command line.
    fn assert_figures_alike(browser: &Browser) {
        let numbers = [0.0, 4.7e-10, 8.4e-7, -1.24e-6, 9.994e-6, 1.004e-4, 0.0125, -2.0, 36.9, 724.9, 187_200.0];
        let list = serde_json::to_string(&numbers).expect("numbers");
        let shown = browser.run(&format!("return {list}.map((n) => [seconds(n), span(n)])"));
        let expected = numbers.map(|n| [Duration::from_secs_f64(n).to_string(), units::span(n)]);
        assert_eq!(shown, serde_json::to_value(expected).expect("texts"));
    }

    #[test]
    fn the_page_shows_in_words_and_pictures_how_the_clock_is_and_that_nobody_answers() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair_with(&[3, 4]);
        let servers = ["10.71.0.1", "10.71.0.3"].map(|address| chronyd_server(&lab, &master, address));
        let wrong = chronyd_off_by(&lab, &master, "10.71.0.4", 0.05);
        let grandmaster = ptp4l(&lab, &master, "va", &["--logAnnounceInterval=-1", always_master()]);
        let sources = [1, 3, 4].map(|host| format!("[[ntp.source]]\naddress = \"10.71.0.{host}\"\npoll = 0\n"));
        let more =
            format!("[selection]\nhold_off = \"2s\"\n[ntp.server]\nlisten = [\"10.71.0.2:123\"]\n{}", sources.concat());
        let options = Options { http: "127.0.0.1:9319", more: &more, ..Options::default() };
        let mut daemon = Daemon::start(&lab, &slave, options);
        let browser = Browser::start(&lab, &slave);
        browser.open(ADDRESS);

        // It locks while one looks, and the words follow.
        let status = daemon.wait("it is locked, and the wrong server is found out", |status| {
            status.state == SyncState::Locked
                && source(status, "vb").is_steering
                && source(status, "10.71.0.4").verdict == "falseticker"
        });
        ask_ntp(&master, "10.71.0.2", 4, 3);
        browser.wait("the page says LOCKED", "document.body.dataset.state === 'LOCKED'");
        browser.wait("a client is shown", "document.getElementById('clients').textContent.includes('10.71.0.1')");
        let identity = &status.grandmaster().expect("it is followed").identity;
        for words in [
            "time correct to within".to_owned(),
            format!("gm {identity}"),
            format!("{identity} class 248"),
            "vb SLAVE".to_owned(),
            "clock LOCKED".to_owned(),
            "NTP stratum 1".to_owned(),
            "steers ptp vb".to_owned(),
            "guards ntp 10.71.0.1".to_owned(),
            "FALSETICKER ntp 10.71.0.4".to_owned(),
            "ahead of all that the majority allows".to_owned(),
            "ACQUIRING -> LOCKED".to_owned(),
        ] {
            let words = serde_json::to_string(&words).expect("a text");
            browser.wait(
                &format!("the page says {words}"),
                &format!("document.body.innerText.replace(/\\s+/g, ' ').includes({words})"),
            );
        }
        assert_eq!(browser.run("return document.title.startsWith('LOCKED ')"), true);
        let drawn = browser.run(
            "const n = (what) => document.querySelectorAll(what).length;
             return [n('#course .offset') > 0, n('#course .band') > 0, n('#sources rect.steers'), n('#sources rect.guards'), n('#sources rect.FALSETICKER')]",
        );
        assert_eq!(drawn, serde_json::json!([true, true, 1, 2, 1]));
        assert_figures_alike(&browser);
        assert_eq!(browser.run(UNNAMED), "");
        pictures_of(&browser, "locked");

        // What is read aloud changes with the state alone, and the figures go on.
        let mut calm = (0..5).map(|_| browser.run_later(READ_ALOUD)).filter(|seen| seen[2] == 0);
        let seen = calm.next().expect("on a busy machine the state may change, but not always");
        let grown = seen[1].as_u64().expect("a count");
        assert!(seen[0] == 0 && (1..=4).contains(&grown), "{seen}");

        // Who comes now sees what was before.
        browser.open(ADDRESS);
        browser
            .wait("the past is there at once", "points.length >= 8 && points.length > 3 + (performance.now() / 1000)");
        let hostile = browser.run(HOSTILE);
        let said = hostile[0].as_u64().expect("a count");
        assert!(said > 20, "it says them as they are: {said}");
        assert_eq!((&hostile[1], &hostile[2]), (&Value::from(0), &Value::from(0)), "and makes nothing of them");

        // All sources go.
        drop((grandmaster, servers, wrong));
        browser.wait("the page says HOLDOVER", "document.body.dataset.state === 'HOLDOVER'");
        browser.wait(
            "the words of the strip follow",
            "[...document.querySelectorAll('#events li')].some((e) => e.textContent.includes('LOCKED -> HOLDOVER'))",
        );
        daemon.wait("the sources are silent", |status| {
            let silent = |name| source(status, name).verdict == "silent";
            status.state == SyncState::Holdover && silent("10.71.0.1") && silent("10.71.0.3")
        });
        pictures_of(&browser, "holdover");
        // What was measured is not drawn on; the bound is. Of the page's own points, and of those that the daemon keeps, one a second.
        let expected = serde_json::json!([[2, true, true], [2, true, false]]);
        let expected = serde_json::json!([expected, expected]);
        let mut drawn = Value::Null;
        for _ in 0..10 {
            drawn = browser.run_later(DRAWN);
            if drawn == expected {
                break;
            }
            std::thread::sleep(Timeout::from_millis(500));
        }
        assert_eq!(drawn, expected);
        assert_eq!(browser.console(), Vec::<String>::new(), "nothing is wrong with the page");

        // The daemon ends, and comes back.
        daemon.status();
        daemon.end();
        browser.wait("the page says that nobody answers", "document.body.dataset.state === 'NO ANSWER'");
        let told = "document.getElementById('headline').textContent";
        browser.wait("since when, and that the rest is old", &format!("{told}.includes('all of it old: time ')"));
        std::thread::sleep(AWAY);
        pictures_of(&browser, "away");
        let daemon = Daemon::start(&lab, &slave, options);
        browser.wait("it answers again", "document.body.dataset.state === 'NEVER_SYNCED'");
        // Between the two runs nothing is drawn but the gap.
        let gap = browser.run(GAP);
        assert_eq!((&gap[0], &gap[1], &gap[2]), (&Value::from(2), &Value::from(1), &Value::from(0)), "{gap}");
        assert!(gap[3].as_f64().is_some_and(|seconds| seconds >= AWAY.as_secs_f64()), "{gap}");
        pictures_of(&browser, "back");
        let is_refused = |line: &String| line.contains("page.json") && line.contains("ERR_CONNECTION_REFUSED");
        let rest: Vec<_> = browser.console().into_iter().filter(|line| !is_refused(line)).collect();
        assert_eq!(rest, Vec::<String>::new(), "but for the daemon that was away");
        let asked = browser.requests();
        let elsewhere: Vec<_> = asked.iter().filter(|url| !url.starts_with(ADDRESS) && *url != "data:,").collect();
        assert!(elsewhere.is_empty() && asked.len() > 20, "{elsewhere:?} of {}", asked.len());

        let forbidden = browser.run_later(FORBIDDEN);
        assert_eq!(forbidden, serde_json::json!([0, ["connect-src", "img-src", "script-src-elem", "style-src-attr"]]));
        println!("page: pictures are in {}", pictures().display());
        daemon.end();
    }
}
