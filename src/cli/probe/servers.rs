//! The NTP servers that other programs on this machine are configured with.

use std::fs;
use std::path::Path;

/// Where they stand, one to a line behind `server` or `pool`: chrony.conf(5), ntp.conf(5).
const LINES: [&str; 4] = ["etc/chrony/chrony.conf", "etc/chrony.conf", "etc/ntpsec/ntp.conf", "etc/ntp.conf"];
/// Several behind `NTP=`: timesyncd.conf(5).
const TIMESYNCD: &str = "etc/systemd/timesyncd.conf";
/// Drivers of reference clocks that ntpd writes as servers.
const DRIVERS: &str = "127.127.";
/// More than these need not be asked to find some that answer.
const SERVERS_MAX: usize = 8;

/// Those below a root directory, each with the file that names it, and none twice.
pub fn configured(root: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, file: &str| {
        if !name.starts_with(DRIVERS) && found.len() < SERVERS_MAX && found.iter().all(|(known, _)| known != name) {
            found.push((name.to_owned(), format!("/{file}")));
        }
    };
    for file in LINES {
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            if let (Some("server" | "pool"), Some(name)) = (words.next(), words.next()) {
                add(name, file);
            }
        }
    }
    let text = fs::read_to_string(root.join(TIMESYNCD)).unwrap_or_default();
    for line in text.lines() {
        let Some((key, names)) = line.split_once('=') else { continue };
        if matches!(key.trim(), "NTP" | "FallbackNTP") {
            names.split_whitespace().for_each(|name| add(name, TIMESYNCD));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_other_programs_are_found_and_their_local_clocks_are_none() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("etc/chrony/chrony.conf", "# server no.example\npool 2.debian.pool.ntp.org iburst\nserver a.example\n");
        put("etc/ntp.conf", "server 127.127.1.0\nfudge 127.127.1.0 stratum 10\nserver a.example\n");
        put("etc/systemd/timesyncd.conf", "[Time]\n#NTP=no.example\nNTP=b.example c.example\n");
        let names: Vec<_> = configured(root.path()).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["2.debian.pool.ntp.org", "a.example", "b.example", "c.example"]);
    }
}
