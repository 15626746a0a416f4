//! A Rust file as the rules see it: words and punctuation without comments, literals and test code, and the paths.
//!
//! A search by lines finds `use crate::runtime` and misses `use crate::{time, runtime}`, and it trips over a comment.
//! A real parser would be one more dependency. Names and `::` are all that the rules need.

/// A word, a `::` or any other character of code, with its line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    pub line: usize,
    pub text: String,
}

/// A path as written, each branch of a `use` by itself: `use a::{b, c as d}` is `a::b` and `a::c`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedPath {
    pub line: usize,
    /// `*` for a glob.
    pub segments: Vec<String>,
    /// The module that it is written in.
    pub module: Vec<String>,
    /// Whether it is a branch of a `use`.
    pub is_use: bool,
}

impl NamedPath {
    /// The path from the crate's root, if it is of this crate.
    pub fn in_crate(&self) -> Option<Vec<String>> {
        let mut base = match self.segments.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module.clone(),
            _ => return None,
        };
        for segment in &self.segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(base.pop()),
                name => base.push(name.to_owned()),
            }
        }
        Some(base)
    }

    /// As written.
    pub fn written(&self) -> String {
        self.segments.join("::")
    }
}

/// What is left of a file.
#[derive(Debug)]
pub struct Source {
    /// All of its code.
    pub all: Vec<Token>,
    /// Its code without tests.
    pub production: Vec<Token>,
    /// The paths of [`Source::production`].
    pub paths: Vec<NamedPath>,
    /// Modules in other files that are declared for tests only.
    pub test_modules: Vec<String>,
    /// Lower-case names that the file declares or imports.
    pub local_names: Vec<String>,
}

impl Source {
    /// Reads the file at `path` (from the root of the repository).
    pub fn read(path: &str, text: &str) -> Self {
        let all = tokens(text);
        let (production, test_modules) = without_tests(&all);
        let mut reader = PathReader::new(module_of(path));
        reader.read(&production);
        Self { all, production, paths: reader.paths, test_modules, local_names: reader.local_names }
    }
}

/// `src/ptp/port.rs` is `[ptp, port]`, `src/ptp/mod.rs` is `[ptp]`, `src/lib.rs` is the root.
pub fn module_of(path: &str) -> Vec<String> {
    let inner = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    let mut module: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// Splits code, leaving out comments and literals of text.
fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, line: 1 };
    let mut found = Vec::new();
    while let Some(character) = lexer.peek(0) {
        let line = lexer.line;
        let text = match character {
            '/' if lexer.peek(1) == Some('/') => {
                lexer.skip_until(|lexer| lexer.peek(0) == Some('\n'));
                continue;
            }
            '/' if lexer.peek(1) == Some('*') => {
                lexer.skip_block_comment();
                continue;
            }
            '"' => {
                lexer.skip_quoted('"');
                continue;
            }
            '\'' => {
                lexer.skip_character_or_lifetime();
                continue;
            }
            ':' if lexer.peek(1) == Some(':') => {
                lexer.skip(2);
                "::".to_owned()
            }
            _ if character.is_alphanumeric() || character == '_' => match lexer.word() {
                Some(word) => word,
                None => continue,
            },
            _ => {
                lexer.skip(1);
                if character.is_whitespace() {
                    continue;
                }
                character.to_string()
            }
        };
        found.push(Token { line, text });
    }
    found
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn skip(&mut self, count: usize) {
        let end = (self.at + count).min(self.chars.len());
        self.line += self.chars[self.at..end].iter().filter(|character| **character == '\n').count();
        self.at = end;
    }

    fn skip_until(&mut self, is_end: impl Fn(&Self) -> bool) {
        while self.at < self.chars.len() && !is_end(self) {
            self.skip(1);
        }
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.skip(2);
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.skip(2);
                }
                (Some(_), _) => self.skip(1),
                (None, _) => return,
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_quoted(&mut self, quote: char) {
        self.skip(1);
        while let Some(character) = self.peek(0) {
            self.skip(if character == '\\' { 2 } else { 1 });
            if character == quote {
                return;
            }
        }
    }

    fn skip_raw_string(&mut self) {
        let mut hashes = 0;
        while self.peek(hashes) == Some('#') {
            hashes += 1;
        }
        self.skip(hashes + 1);
        self.skip_until(|lexer| lexer.peek(0) == Some('"') && (1..=hashes).all(|ahead| lexer.peek(ahead) == Some('#')));
        self.skip(hashes + 1);
    }

    fn skip_character_or_lifetime(&mut self) {
        if self.peek(1) == Some('\\') || self.peek(2) == Some('\'') {
            self.skip_quoted('\'');
        } else {
            self.skip(1);
            self.skip_until(|lexer| !lexer.peek(0).is_some_and(|next| next.is_alphanumeric() || next == '_'));
        }
    }

    /// A name or a number; `None` for a raw string.
    fn word(&mut self) -> Option<String> {
        let start = self.at;
        let is_number = self.peek(0).is_some_and(|first| first.is_ascii_digit());
        while let Some(next) = self.peek(0) {
            let is_fraction = is_number && next == '.' && self.peek(1).is_some_and(|digit| digit.is_ascii_digit());
            if !next.is_alphanumeric() && next != '_' && !is_fraction {
                break;
            }
            self.skip(1);
        }
        let word: String = self.chars[start..self.at].iter().collect();
        if matches!(word.as_str(), "r" | "br" | "cr") {
            match (self.peek(0), self.peek(1)) {
                (Some('"'), _) | (Some('#'), Some('"' | '#')) => {
                    self.skip_raw_string();
                    return None;
                }
                (Some('#'), Some(_)) => {
                    self.skip(1);
                    return self.word();
                }
                _ => {}
            }
        }
        Some(word)
    }
}

/// Where the bracket that opens at `open` closes.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len() - 1
}

/// The attribute that begins at `at`, from its `#` to its `]`.
pub fn attribute(tokens: &[Token], at: usize) -> Option<&[Token]> {
    let is = |index: usize, text: &str| tokens.get(index).is_some_and(|token| token.text == text);
    let open = if is(at + 1, "!") { at + 2 } else { at + 1 };
    (is(at, "#") && is(open, "[")).then(|| &tokens[at..=closing(tokens, open)])
}

/// `#[cfg(test)]` and `#[cfg(all(test, ..))]`.
fn is_for_tests(attribute: &[Token]) -> bool {
    let text: String = attribute.iter().map(|token| token.text.as_str()).collect();
    let condition = text.trim_start_matches("#!").trim_start_matches('#');
    condition.starts_with("[cfg(test)") || condition.starts_with("[cfg(all(test,")
}

/// The code without items for tests, and the names of modules for tests that are in other files.
fn without_tests(all: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < all.len() {
        match attribute(all, at) {
            Some(found) if is_for_tests(found) && found[1].text == "!" => return (Vec::new(), modules),
            Some(found) if is_for_tests(found) => {
                let item = at + found.len();
                at = item_end(all, item);
                let words: Vec<&str> = all[item..at].iter().map(|token| token.text.as_str()).collect();
                if let [.., "mod", name, ";"] = words.as_slice() {
                    modules.push((*name).to_owned());
                }
            }
            _ => {
                kept.push(all[at].clone());
                at += 1;
            }
        }
    }
    (kept, modules)
}

/// One past the end of the item, field or statement that begins at `start`.
fn item_end(all: &[Token], start: usize) -> usize {
    const ITEMS: [&str; 12] =
        ["pub", "fn", "impl", "mod", "struct", "enum", "trait", "const", "static", "type", "use", "unsafe"];
    let mut at = start;
    while let Some(found) = attribute(all, at) {
        at += found.len();
    }
    let first = all.get(at).map_or("", |token| token.text.as_str());
    let (is_item, is_use) = (ITEMS.contains(&first), first == "use");
    while let Some(token) = all.get(at) {
        match token.text.as_str() {
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            ")" | "]" | "}" => return at,
            "{" if !is_use => return closing(all, at) + 1,
            "(" | "[" | "{" => at = closing(all, at) + 1,
            _ => at += 1,
        }
    }
    all.len()
}

struct PathReader {
    module: Vec<String>,
    paths: Vec<NamedPath>,
    local_names: Vec<String>,
}

impl PathReader {
    fn new(module: Vec<String>) -> Self {
        Self { module, paths: Vec::new(), local_names: Vec::new() }
    }

    fn read(&mut self, tokens: &[Token]) {
        let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
        let mut inline_ends = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if inline_ends.last() == Some(&at) {
                inline_ends.pop();
                self.module.pop();
            }
            let previous = at.checked_sub(1).map_or("", text);
            match text(at) {
                "mod" if is_name(text(at + 1)) => {
                    self.local_names.push(text(at + 1).to_owned());
                    if text(at + 2) == "{" {
                        self.module.push(text(at + 1).to_owned());
                        inline_ends.push(closing(tokens, at + 2));
                    }
                    at += 2;
                }
                "use" if text(at + 1) != "<" => at = self.read_use(tokens, at + 1, &[]),
                "crate" if previous == "extern" => {
                    self.push(tokens[at].line, vec![text(at + 1).to_owned()], true);
                    at += 2;
                }
                word if is_name(word) && text(at + 1) == "::" && !continues_a_path(tokens, at) => {
                    let start = at;
                    let mut segments = vec![word.to_owned()];
                    while text(at + 1) == "::" && is_name(text(at + 2)) {
                        segments.push(text(at + 2).to_owned());
                        at += 2;
                    }
                    // One segment alone is a call with its types, `parse::<u8>()`.
                    if segments.len() > 1 {
                        self.push(tokens[start].line, segments, false);
                    }
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    /// Reads a tree of a `use` that begins at `at`; returns where it ends.
    fn read_use(&mut self, tokens: &[Token], mut at: usize, prefix: &[String]) -> usize {
        let mut segments = prefix.to_vec();
        while let Some(token) = tokens.get(at) {
            match token.text.as_str() {
                "::" => at += 1,
                "{" => {
                    let end = closing(tokens, at);
                    at += 1;
                    while at < end {
                        at = self.read_use(tokens, at, &segments) + usize::from(tokens[at].text == ",");
                        at += usize::from(tokens.get(at).is_some_and(|token| token.text == ","));
                    }
                    return end + 1;
                }
                "as" => {
                    let alias = tokens.get(at + 1).map_or("_", |token| token.text.as_str());
                    self.local_names.push(alias.to_owned());
                    self.push(token.line, segments, true);
                    return at + 2;
                }
                text if is_name(text) || text == "*" => {
                    // `a::{self}` is `a`; `self::a` keeps its beginning.
                    if text != "self" || segments.is_empty() {
                        segments.push(text.to_owned());
                    }
                    at += 1;
                }
                _ => break,
            }
        }
        if segments.len() > 1 {
            self.local_names.extend(segments.last().cloned());
        }
        if segments.len() > prefix.len() || !prefix.is_empty() {
            self.push(tokens[at - 1].line, segments, true);
        }
        at
    }

    fn push(&mut self, line: usize, segments: Vec<String>, is_use: bool) {
        self.paths.push(NamedPath { line, segments, module: self.module.clone(), is_use });
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Whether the word at `at` follows `a::` or `<T>::`, so that it begins no path.
fn continues_a_path(tokens: &[Token], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map_or("", |index| tokens[index].text.as_str());
    let is_arrow = before(2) == ">" && matches!(before(3), "-" | "=");
    before(1) == "::" && (is_name(before(2)) || before(2) == ">" && !is_arrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        Source::read("src/ptp/port.rs", text).paths.iter().map(NamedPath::written).collect()
    }

    #[test]
    fn each_branch_of_a_use_is_a_path() {
        let text = "use crate::{a::{b, c as d, *}, e::{self}, f};\nuse ::std::{\n  fmt,\n  io::Read,\n};\nuse g;";
        let expected = "crate::a::b crate::a::c crate::a::* crate::e crate::f std::fmt std::io::Read g";
        assert_eq!(paths(text).join(" "), expected);
    }

    #[test]
    fn paths_in_code_are_found_where_they_begin() {
        let text = "fn f() -> ::std::io::Result<A> { crate::b::C::<u8>::d(x.e::<T>(), <F as g::H>::i()); j::k!() }";
        assert_eq!(paths(text).join(" "), "std::io::Result crate::b::C g::H j::k");
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        let text = r###"
            //! a::b
            /* c::d /* e::f */ g::h */
            const A: &str = "i::j \" k::l"; const B: &[u8] = br##"m::n "# o::p"##;
            const C: [char; 3] = ['"', '\'', '\\']; fn f<'a>(x: &'a str) { q::r('"'); }
        "###;
        assert_eq!(paths(text), ["q::r"]);
    }

    #[test]
    fn code_for_tests_is_left_out_and_what_follows_it_is_not() {
        let text = "
            #[cfg(test)] use a::{b, c};
            #[cfg(test)] #[path = \"x.rs\"] mod script;
            #[cfg(all(test, not(loom)))] fn f<A, B>() { d::e() }
            #[cfg(not(test))] fn g() { f::g() }
            struct S { #[cfg(test)] field: h::I, other: j::K }
            #[cfg(test)] mod tests { use l::m; }
            use n::o;";
        let source = Source::read("src/ptp/mod.rs", text);
        let found: Vec<_> = source.paths.iter().map(NamedPath::written).collect();
        assert_eq!(found, ["f::g", "j::K", "n::o"]);
        assert_eq!(source.test_modules, ["script"]);
        assert!(Source::read("src/ptp/mod.rs", "#![cfg(test)] use a::b;").paths.is_empty());
    }

    #[test]
    fn super_is_resolved_from_where_it_stands() {
        let resolved = |path: &str, text: &str| {
            Source::read(path, text).paths.iter().map(|path| path.in_crate().unwrap().join("::")).collect::<Vec<_>>()
        };
        assert_eq!(
            resolved("src/ptp/port.rs", "use super::super::runtime::X; use self::a;"),
            ["runtime::X", "ptp::port::a"]
        );
        assert_eq!(resolved("src/ptp/mod.rs", "use super::runtime::X;"), ["runtime::X"]);
        let inline = "mod a { use super::super::super::net; } fn f() { super::b::c() }";
        assert_eq!(resolved("src/ptp/port.rs", inline), ["net", "ptp::b::c"]);
    }
}
