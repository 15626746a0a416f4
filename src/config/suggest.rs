//! "Did you mean": the nearest of a few words.

/// The word nearest to what was written, if it is near enough to have been meant.
///
/// Near enough: as many edits (insert, delete, replace, swap neighbours) as a third of the written word, at least one.
/// Case, and `-` for `_`, count as nothing.
pub fn nearest<'w>(written: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let written = plain(written);
    let limit = (written.len() / 3).max(1);
    let ranked = words.into_iter().map(|word| (distance(&written, &plain(word)), word));
    ranked.filter(|(edits, _)| *edits <= limit).min_by_key(|(edits, _)| *edits).map(|(_, word)| word)
}

fn plain(word: &str) -> Vec<char> {
    word.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// Edits between two words, a swap of neighbours being one ("optimal string alignment").
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut edits = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                edits = edits.min(before[j - 2] + 1);
            }
            row.push(edits);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_their_word() {
        let words = ["lock_limit", "max_drift", "max_frequency", "step"];
        assert_eq!(nearest("lock_limt", words), Some("lock_limit"));
        assert_eq!(nearest("Lock-Limit", words), Some("lock_limit"));
        assert_eq!(nearest("setp", words), Some("step"), "a swap is one edit");
        assert_eq!(nearest("frequency", words), None);
        assert_eq!(nearest("", words), None);
    }
}
