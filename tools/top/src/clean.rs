//! Text from elsewhere, made harmless for a terminal.
//!
//! Names of servers, words of resolvers, reference identifiers come from the network in part. A terminal obeys control characters, and some
//! characters that are not to be seen turn the text around them (Unicode bidirectional controls). The obvious idea, to look at each text
//! where it is printed, fails at the one place that forgets. So everything is cleaned where it comes in: the status as JSON, before it is
//! read, and the words of an error.

use serde_json::Value;

/// What stands in the place of a character that must not reach the terminal.
pub const REPLACEMENT: char = '\u{fffd}';

/// Whether a terminal would do something else with it than show it.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text on one line, each harmful character replaced; a line break is a blank.
pub fn text(from: &str) -> String {
    from.chars().map(|c| if c == '\n' { ' ' } else { c }).map(|c| if is_harmful(c) { REPLACEMENT } else { c }).collect()
}

/// Cleans every text in a value, the names of its members too.
pub fn value(value: &mut Value) {
    match value {
        Value::String(string) if string.contains(is_harmful) => *string = text(string),
        Value::Array(items) => items.iter_mut().for_each(self::value),
        Value::Object(members) => {
            if members.keys().any(|name| name.contains(is_harmful)) {
                *members = std::mem::take(members).into_iter().map(|(name, value)| (text(&name), value)).collect();
            }
            members.values_mut().for_each(self::value);
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_replaced_and_the_rest_stays() {
        assert_eq!(text("a\x1b[2Jb\u{9b}c\u{202e}d\ne\tf"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d e\u{fffd}f");
        for kept in ["ntp1.example.net", "Zürich 時計", "100 µs", ""] {
            assert_eq!(text(kept), kept);
        }
    }

    #[test]
    fn every_text_of_a_value_is_cleaned_at_any_depth_names_too() {
        let mut status =
            json!({"sources": [{"name": "a\x07"}], "dropped": {"b\x1b": 1}, "uptime_s": 1.5, "none": null});
        value(&mut status);
        let expected =
            json!({"sources": [{"name": "a\u{fffd}"}], "dropped": {"b\u{fffd}": 1}, "uptime_s": 1.5, "none": null});
        assert_eq!(status, expected);
    }
}
