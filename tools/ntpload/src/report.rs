//! What became of the requests.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use synchronome::time::{NtpTimestamp, Timestamp};
use synchronome::wire::ntp::Header;

/// The longest latency that is told apart.
const LATENCY_MAX_NS: u64 = 10_000_000_000;

/// Counts while the load runs.
pub struct Tally {
    /// Requests that the kernel took.
    pub sent: u64,
    /// Datagrams that were answers to nothing.
    pub strange: u64,
    interleaved: u64,
    refused: u64,
    latencies: Histogram<u64>,
    /// Of each answer the offset that its client sees, in ns.
    offsets: Vec<i64>,
}

impl Default for Tally {
    fn default() -> Self {
        let latencies = Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).expect("bounds that are in order");
        Self { sent: 0, strange: 0, interleaved: 0, refused: 0, latencies, offsets: Vec::new() }
    }
}

impl Tally {
    /// An answer came; all times in ns since the start, which was `civil` after the epoch.
    pub fn answered(
        &mut self,
        header: &Header,
        is_interleaved: bool,
        due: u64,
        sent: u64,
        arrived: u64,
        civil: Duration,
    ) {
        self.latencies.saturating_record(arrived.saturating_sub(due).max(1));
        if header.stratum == 0 {
            self.refused += 1;
            return;
        }
        if is_interleaved {
            // Its transmit timestamp is that of an answer before.
            self.interleaved += 1;
            return;
        }
        let local = |at: u64| {
            NtpTimestamp::from_utc(Timestamp::from_nanos((civil + Duration::from_nanos(at)).as_nanos() as i128))
        };
        let there = header.receive_timestamp.since(local(sent));
        let back = header.transmit_timestamp.since(local(arrived));
        self.offsets.push((there + back).half().as_nanos());
    }

    /// Nothing is under way any more.
    pub fn are_all_answered(&self) -> bool {
        self.latencies.len() >= self.sent
    }

    /// The figures of all that.
    pub fn report(mut self, rate: f64, span: Duration) -> Report {
        self.offsets.sort_unstable();
        let offset = |share: f64| {
            let last = self.offsets.len().checked_sub(1)?;
            Some(self.offsets[(last as f64 * share) as usize] as f64 / 1e9)
        };
        let seconds = span.as_secs_f64();
        // Of what was asked, not of what was answered: a server that drops what it cannot answer at once would else look quick.
        let (sent, answered) = (self.sent.max(1), self.latencies.len());
        let latency = |share: f64| {
            let rank = (share * sent as f64).ceil().max(1.0) as u64;
            let is_answered = rank <= answered;
            is_answered.then(|| self.latencies.value_at_quantile(rank as f64 / answered as f64) as f64 / 1e9)
        };
        Report {
            rate_per_s: rate,
            sent_per_s: self.sent as f64 / seconds,
            answered_per_s: answered as f64 / seconds,
            sent: self.sent,
            answered,
            interleaved: self.interleaved,
            refused: self.refused,
            strange: self.strange,
            latency_p50_s: latency(0.5),
            latency_p90_s: latency(0.9),
            latency_p99_s: latency(0.99),
            latency_p999_s: latency(0.999),
            latency_max_s: (answered > 0).then(|| self.latencies.max() as f64 / 1e9),
            offset_min_s: offset(0.0),
            offset_p50_s: offset(0.5),
            offset_max_s: offset(1.0),
            offset_p1_to_p99_s: offset(0.99).zip(offset(0.01)).map(|(high, low)| high - low),
        }
    }
}

/// A latency; of a request that was lost there is none.
fn us(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "lost".to_owned(), |seconds| format!("{:.1} us", seconds * 1e6))
}

/// What became of the requests of one run.
#[derive(Clone, Copy, Serialize, Debug)]
pub struct Report {
    /// As asked for.
    pub rate_per_s: f64,
    /// As it was.
    pub sent_per_s: f64,
    /// Answers of any kind.
    pub answered_per_s: f64,
    /// Requests that left.
    pub sent: u64,
    /// Answers of any kind.
    pub answered: u64,
    /// Those in interleaved mode.
    pub interleaved: u64,
    /// Those without time: stratum 0.
    pub refused: u64,
    /// What came and was no answer.
    pub strange: u64,
    /// From when a request was due to the kernel's stamp of its answer: half of all requests had theirs within this; `None`: more were lost.
    pub latency_p50_s: Option<f64>,
    /// As above.
    pub latency_p90_s: Option<f64>,
    /// As above.
    pub latency_p99_s: Option<f64>,
    /// As above.
    pub latency_p999_s: Option<f64>,
    /// The longest of those that were answered.
    pub latency_max_s: Option<f64>,
    /// What the clients see their clock to be behind by, of answers in basic mode.
    pub offset_min_s: Option<f64>,
    /// As above.
    pub offset_p50_s: Option<f64>,
    /// As above.
    pub offset_max_s: Option<f64>,
    /// The spread of the middle 98 of 100.
    pub offset_p1_to_p99_s: Option<f64>,
}

impl Report {
    /// The part of the requests that was not answered.
    pub fn loss(&self) -> f64 {
        if self.sent == 0 { 1.0 } else { 1.0 - self.answered as f64 / self.sent as f64 }
    }

    /// On one line.
    pub fn to_line(self) -> String {
        format!(
            "{:>9.0}/s  answered {:>9.0}/s  lost {:>6.2} %  latency p50 {:>10}  p99 {:>11}",
            self.sent_per_s,
            self.answered_per_s,
            self.loss() * 100.0,
            us(self.latency_p50_s),
            us(self.latency_p99_s)
        )
    }

    /// For people.
    pub fn to_text(self) -> String {
        let offset = self.offset_p50_s.zip(self.offset_p1_to_p99_s).zip(self.offset_min_s.zip(self.offset_max_s));
        let offset = offset.map_or("no offsets".to_owned(), |((middle, spread), (min, max))| {
            let [middle, spread, min, max] = [middle, spread, min, max].map(|seconds| us(Some(seconds)));
            format!("offset {middle} in the middle, 98 % within {spread}, {min} to {max}")
        });
        format!(
            "{}\n{} answered of {}, {} interleaved, {} without time, {} strange; latency p90 {}, p99.9 {}, max {}\n{offset}",
            self.to_line(),
            self.answered,
            self.sent,
            self.interleaved,
            self.refused,
            self.strange,
            us(self.latency_p90_s),
            us(self.latency_p999_s),
            us(self.latency_max_s),
        )
    }

    /// As one JSON object.
    pub fn to_json(self) -> String {
        serde_json::to_string(&self).expect("plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(sent: u64, answered: u64) -> Report {
        let mut tally = Tally { sent, ..Tally::default() };
        for microseconds in 1..=answered {
            tally.answered(&Header::default(), true, 0, 0, microseconds * 1_000, Duration::ZERO);
        }
        tally.report(1_000.0, Duration::from_secs(1))
    }

    #[test]
    fn a_lost_request_is_later_than_all_others() {
        let rounded = |seconds: Option<f64>| seconds.map(|seconds| (seconds * 1e6).round() as u64);
        let all = report(1_000, 1_000);
        assert_eq!((rounded(all.latency_p50_s), rounded(all.latency_p99_s)), (Some(500), Some(990)));
        let some = report(1_000, 995);
        assert_eq!((rounded(some.latency_p50_s), rounded(some.latency_p99_s)), (Some(500), Some(990)));
        assert_eq!((some.latency_p999_s, rounded(some.latency_max_s)), (None, Some(995)));
        let few = report(1_000, 980);
        assert_eq!((rounded(few.latency_p90_s), few.latency_p99_s), (Some(900), None));
        assert_eq!((report(1_000, 0).latency_p50_s, report(0, 0).latency_max_s), (None, None));
        assert!(few.to_line().contains("lost   2.00 %") && few.to_line().ends_with("lost"), "{}", few.to_line());
    }
}
