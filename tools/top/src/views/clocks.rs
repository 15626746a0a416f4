//! The clock tree: the way that time takes, from the grandmaster to the clients.

use synchronome::observe::status::Status;
use synchronome::observe::units::{count, span};
use synchronome::observe::words::{Node, clock, tree};
use unicode_width::UnicodeWidthStr as _;

use super::Moment;
use crate::look::Tone;
use crate::model::Known;
use crate::sheet::{Sheet, Toned, wrapped};

/// The widest column of names.
const NAME_WIDTH_MAX: usize = 34;
/// A level is indented by so much.
const LEVEL_WIDTH: usize = 3;
/// How many clients are named.
const CLIENTS_MAX: usize = 8;

/// A line for each node: of a clock its figures, of anything else what it is.
pub(super) fn brief(known: &Known, sheet: &Sheet) -> Vec<Toned> {
    let nodes = nodes(&known.status);
    let width = names_width(&nodes, sheet);
    let brief = |node: &Node| line(node, node.figures.first().unwrap_or(&node.about), width, sheet);
    nodes.iter().map(brief).collect()
}

/// Each node with all of its figures, then those who ask the NTP server.
pub(super) fn draw(moment: &Moment, known: &Known, sheet: &mut Sheet) -> usize {
    let nodes = nodes(&known.status);
    let width = names_width(&nodes, sheet);
    let mut lines = Vec::new();
    for (place, node) in nodes.iter().enumerate() {
        let room = sheet.columns().saturating_sub(width);
        let mut about = wrapped(&node.about, room).into_iter();
        lines.push(line(node, &about.next().unwrap_or_default(), width, sheet));
        let trunk = sheet.look().glyphs().branches[2];
        let has_below = nodes.get(place + 1).is_some_and(|next| next.depth > node.depth);
        let own = match (node.depth, node.has_next) {
            (0, _) => "",
            (_, true) => trunk,
            (_, false) => "   ",
        };
        let beside = format!("{}{own}{}", indent(node), if has_below { trunk } else { "" });
        let beside = sheet.look().cell(&beside, width);
        let more = node.figures.iter().chain(&node.remarks).flat_map(|more| wrapped(more, room));
        let below = about.map(|text| (Tone::Plain, text)).chain(more.map(|text| (Tone::Faint, text)));
        lines.extend(below.map(|text| vec![(Tone::Faint, beside.clone()), text]));
    }
    sheet.title(&moment.title("clocks"), "");
    sheet.scrolled(&lines, moment.model.scroll)
}

/// The nodes as all have them; the clock with its figures, and the server with its clients, which `status` tells elsewhere.
fn nodes(status: &Status) -> Vec<Node> {
    let mut nodes = tree(status);
    let name = format!("clock {}", status.state);
    let Some(place) = nodes.iter().position(|node| node.name == name) else { return nodes };
    nodes[place].figures = clock(status);
    if let (Some(server), Some(node)) = (&status.ntp_server, nodes.get_mut(place + 1)) {
        node.remarks.extend(server.busiest.iter().take(CLIENTS_MAX).map(|client| {
            let requests = count(client.requests, "request");
            format!("client {}: {requests}, the last {} ago", client.address, span(client.last_age_s))
        }));
    }
    nodes
}

fn names_width(nodes: &[Node], sheet: &Sheet) -> usize {
    let widest = nodes.iter().map(|node| LEVEL_WIDTH * node.depth + node.name.width() + 2).max().unwrap_or(0);
    widest.min(NAME_WIDTH_MAX).min(sheet.columns() * 3 / 5)
}

fn indent(node: &Node) -> String {
    " ".repeat(LEVEL_WIDTH * node.depth.saturating_sub(1))
}

fn line(node: &Node, about: &str, width: usize, sheet: &Sheet) -> Toned {
    let look = sheet.look();
    let [one, last, _] = look.glyphs().branches;
    let twig = match (node.depth, node.has_next) {
        (0, _) => "",
        (_, true) => one,
        (_, false) => last,
    };
    let branch = indent(node) + twig;
    let room = width.saturating_sub(branch.width());
    vec![
        (Tone::Faint, branch),
        (node.tone.into(), look.cell(&node.name, room.saturating_sub(1)) + " "),
        (Tone::Plain, about.to_owned()),
    ]
}
