//! The clients of the NTP server as a table.

use std::fmt::Write as _;

use super::super::status::{NtpClientStatus, NtpServerStatus};
use super::super::units::{count, seconds, span};

/// The clients that ask most, a line each.
pub fn clients_table(server: &NtpServerStatus) -> String {
    let rows: Vec<[String; 6]> = server.busiest.iter().map(row).collect();
    let heads = ["client", "requests", "too many", "each", "heard", "version"].map(str::to_owned);
    let width = |column: usize| rows.iter().chain([&heads]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = format!("{}, {} answered", count(server.requests, "request"), server.answered);
    let of_a_kind =
        [(server.interleaved, "interleaved"), (server.denied, "with DENY"), (server.rate_kisses, "with RATE")];
    for (n, what) in of_a_kind.into_iter().filter(|(n, _)| *n > 0) {
        let _ = write!(text, ", {n} {what}");
    }
    let _ = writeln!(text, "; {} remembered", count(server.clients, "client"));
    for row in [&heads].into_iter().chain(&rows).filter(|_| !rows.is_empty()) {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}

fn row(client: &NtpClientStatus) -> [String; 6] {
    [
        client.address.clone(),
        client.requests.to_string(),
        client.limited.to_string(),
        client.interval_s.map_or("-".to_owned(), seconds),
        format!("{} ago", span(client.last_age_s)),
        client.version.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::examples::locked;
    use super::*;

    #[test]
    fn each_client_has_a_line_below_what_all_of_them_asked() {
        let server = locked().ntp_server.unwrap();
        let text = clients_table(&server);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].ends_with("512 interleaved, 2 with DENY, 1 with RATE; 17 clients remembered"), "{text}");
        assert_eq!(lines[1], "client      requests  too many  each    heard      version");
        assert_eq!(lines[2], "192.0.2.77  800       4         16.0 s  3.2 s ago  4");
        let nobody = NtpServerStatus { busiest: Vec::new(), ..server };
        assert_eq!(clients_table(&nobody).lines().count(), 1);
    }
}
