//! Chromium without a screen, driven by chromedriver (WebDriver, <https://www.w3.org/TR/webdriver2/>) over plain HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::lab::{Lab, Space, installed};
use super::running::{Running, unique_path};

/// chromedriver's, in the namespace of the test.
const PORT: u16 = 9_515;
/// How long the browser may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A screen, and what its owner prefers.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    pub name: &'static str,
    pub width: u32,
    pub height: u32,
}

/// The narrowest phone that is about.
pub const PHONE: Screen = Screen { name: "phone", width: 360, height: 740 };
pub const DESKTOP: Screen = Screen { name: "desktop", width: 1_280, height: 900 };

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    driver: Running,
    space: Space,
    session: String,
}

impl Browser {
    /// Starts it in a namespace.
    pub fn start(lab: &Lab, space: &Space) -> Self {
        let profile = unique_path(lab, "chromium", "d");
        let mut command = space.command("chromedriver", "chromium-driver");
        let driver = Running::start(lab, "chromedriver", command.arg(format!("--port={PORT}")));
        let mut browser = Self { driver, space: space.clone(), session: String::new() };
        let start = Instant::now();
        while browser.space.inside(|| TcpStream::connect(("127.0.0.1", PORT))).is_err() {
            browser.driver.assert_alive();
            assert!(start.elapsed() < PATIENCE, "chromedriver does not answer");
            std::thread::sleep(LOOK_EVERY);
        }
        let arguments = [
            "--headless",
            "--no-sandbox", // it does not start as root with one
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe", // it ends with chromedriver, however that ends
        ];
        let profile = format!("--user-data-dir={}", profile.display());
        let arguments: Vec<_> = arguments.into_iter().chain([profile.as_str()]).collect();
        let options = json!({"args": arguments, "binary": installed("chromium", "chromium")});
        let logs = json!({"browser": "ALL", "performance": "ALL"});
        let wanted = json!({"goog:chromeOptions": options, "goog:loggingPrefs": logs});
        let answer = browser.ask("POST", "/session", &json!({"capabilities": {"alwaysMatch": wanted}}));
        answer["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        browser
    }

    /// Sends a command and returns its value.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = self.space.inside(|| TcpStream::connect(("127.0.0.1", PORT))).expect("chromedriver listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let body = body.to_string();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n");
        let request = format!("{head}Content-Type: application/json\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).expect("it reads");
        // It does not close: the length says where the end is.
        let (mut answer, mut head) = (BufReader::new(stream), String::new());
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(answer.read_line(&mut head).expect("it answers"), 0, "it closes: {head}");
        }
        let length = head
            .to_ascii_lowercase()
            .split("content-length:")
            .nth(1)
            .and_then(|rest| rest.lines().next()?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or_else(|| panic!("no length: {head}"))];
        answer.read_exact(&mut body).expect("all of its answer");
        let mut body: Value = serde_json::from_slice(&body).expect("JSON");
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {:#}", body["value"]["message"]);
        body["value"].take()
    }

    fn ask_session(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}/{path}", self.session), body)
    }

    /// Goes to an address, and waits until what it names is loaded.
    pub fn open(&self, address: &str) {
        self.ask_session("url", &json!({"url": address}));
    }

    /// What the body of a function returns in the page.
    pub fn run(&self, script: &str) -> Value {
        self.ask_session("execute/sync", &json!({"script": script, "args": []}))
    }

    /// The same, of a function that hands its result to `done`.
    pub fn run_later(&self, script: &str) -> Value {
        let script = format!("const done = arguments[0];\n(async () => {{\n{script}\n}})();");
        self.ask_session("execute/async", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true in the page.
    pub fn wait(&self, what: &str, expression: &str) {
        let start = Instant::now();
        while self.run(&format!("return Boolean({expression})")) != true {
            let text = self.run("return document.body.innerText");
            assert!(start.elapsed() < PATIENCE, "it is not so that {what}: {}", text.as_str().unwrap_or_default());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// A command of the Chrome DevTools Protocol.
    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.ask_session("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Shows the page on another screen.
    pub fn show_on(&self, screen: Screen, is_dark: bool) {
        let Screen { width, height, .. } = screen;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", &features);
        // Two frames, after which all is laid out and drawn anew.
        self.run_later("requestAnimationFrame(() => requestAnimationFrame(() => done(null)))");
    }

    /// Writes a picture of all of the page.
    pub fn picture(&self, file: &Path) {
        let height = self.run("return document.documentElement.scrollHeight");
        let width = self.run("return innerWidth");
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let parameters = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.devtools("Page.captureScreenshot", &parameters);
        let octets = from_base64(picture["data"].as_str().expect("a picture"));
        assert!(octets.starts_with(b"\x89PNG") && octets.len() > 10_000, "{} octets", octets.len());
        std::fs::write(file, octets).expect("room for a picture");
    }

    /// What was written to a log (`browser`, `performance`) since it was last asked for.
    fn log(&self, kind: &str) -> Vec<Value> {
        let log = self.ask_session("se/log", &json!({"type": kind}));
        log.as_array().expect("a list").clone()
    }

    /// The lines of its console since they were last asked for.
    pub fn console(&self) -> Vec<String> {
        let text = |entry: &Value| entry["message"].as_str().expect("a message").to_owned();
        self.log("browser").iter().map(text).collect()
    }

    /// The addresses that pages, other than the browser's own, have asked since this was last asked for.
    pub fn requests(&self) -> Vec<String> {
        let log = self.log("performance");
        let messages = log.iter().filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
        let sent = messages.filter(|message| message["message"]["method"] == "Network.requestWillBeSent");
        let asked = sent.map(|message| {
            let parameters = &message["message"]["params"];
            [&parameters["documentURL"], &parameters["request"]["url"]]
                .map(|url| url.as_str().expect("an address").to_owned())
        });
        asked.filter(|[by, _]| !by.starts_with("chrome://")).map(|[_, url]| url).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // chromedriver ends the browser with the session, unless it has failed itself.
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
    }
}

/// Where pictures are kept, to be looked at.
pub fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// RFC 4648 4, as chromedriver writes it.
fn from_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut octets = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for character in text.bytes().filter(|byte| *byte != b'=') {
        let digit = ALPHABET.iter().position(|letter| *letter == character).expect("a digit of base 64");
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count) as u8);
        }
    }
    octets
}
