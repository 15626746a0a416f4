//! Which system calls the threads of a daemon make, as strace(1) sees them.

use std::collections::BTreeMap;

/// Calls by name, by the name of the thread.
pub type Calls = BTreeMap<String, BTreeMap<String, u64>>;

/// Reads the output of `strace -f -ttt`: the calls from `from` to `to` seconds after its first line.
///
/// Threads are known by the name that they give themselves at their start.
pub fn calls_between(trace: &str, from: f64, to: f64) -> Calls {
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    let mut calls = Calls::new();
    let mut start = None;
    for line in trace.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(thread), Some(at)) = (words.next(), words.next().and_then(|at| at.parse::<f64>().ok())) else {
            continue;
        };
        let start = *start.get_or_insert(at);
        let rest = line.split_once(&format!("{at:.6} ")).map_or("", |(_, rest)| rest);
        if let Some((_, name)) = rest.split_once("PR_SET_NAME, \"") {
            names.insert(thread, name.split('"').next().unwrap_or_default().to_owned());
        }
        // Neither the second half of a call, nor a signal, nor the end of a thread.
        let Some((call, _)) = rest.split_once('(').filter(|(call, _)| is_name(call)) else { continue };
        if (from..to).contains(&(at - start)) {
            let name = names.get(thread).cloned().unwrap_or_else(|| "main".to_owned());
            *calls.entry(name).or_default().entry(call.to_owned()).or_default() += 1;
        }
    }
    calls
}

fn is_name(call: &str) -> bool {
    !call.is_empty() && call.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn a_trace_is_read_by_thread_and_call() {
    let trace = "10 100.000000 execve(\"x\", [\"x\"], 0x7ff) = 0\n\
                 11 100.500000 prctl(PR_SET_NAME, \"ptp-0\") = 0\n\
                 11 101.000000 ppoll([{fd=3}], 1, {tv_sec=0}, NULL, 8 <unfinished ...>\n\
                 10 101.100000 futex(0x1, FUTEX_WAIT) = 0\n\
                 11 101.200000 <... ppoll resumed>) = 1\n\
                 11 101.300000 --- SIGCHLD {si_signo=SIGCHLD} ---\n\
                 11 102.500000 read(4, \"\", 8) = 8\n";
    let one = |name: &str| BTreeMap::from([(name.to_owned(), 1)]);
    let expected = [("main".to_owned(), one("futex")), ("ptp-0".to_owned(), one("ppoll"))];
    assert_eq!(calls_between(trace, 1.0, 2.0), Calls::from(expected));
}
