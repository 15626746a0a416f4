//! Files of sections: `[name]`, and settings below.

use super::document::Line;
use super::files::Input;
use super::text::{directive, lines};

/// A section with its settings.
#[derive(Clone, Debug)]
pub struct Block {
    /// What stands between the brackets.
    pub name: String,
    /// The line of the brackets.
    pub header: Line,
    /// Its settings, in their order: name and value, by white space or `=`.
    pub settings: Vec<Line>,
}

/// What a file of sections says.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    /// The sections, in their order; two of one name are two.
    pub blocks: Vec<Block>,
    /// What stands before the first of them.
    pub strays: Vec<Line>,
}

/// Reads a file; lines that begin with one of `comments` say nothing, and `equals` says that `=` stands between name and value.
pub fn read(input: &Input, comments: &str, equals: bool) -> Blocks {
    let mut read = Blocks::default();
    for (number, text) in lines(&input.text, comments) {
        if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let mut header = directive(&input.name, number, text, false);
            header.label = format!("[{}]", name.trim());
            read.blocks.push(Block { name: name.trim().to_owned(), header, settings: Vec::new() });
            continue;
        }
        let spaced = if equals { text.replacen('=', " ", 1) } else { text.to_owned() };
        let line = directive(&input.name, number, &spaced, false);
        match read.blocks.last_mut() {
            Some(block) => block.settings.push(line),
            None => read.strays.push(line),
        }
    }
    read
}
