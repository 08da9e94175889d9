//! Tables, at most as wide as a report.

use comfy_table::{ContentArrangement, Table, presets};
use crosswire::report::escape;

/// Renders rows under a head. Cells are escaped, and folded where necessary.
pub fn render<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(100);
    table.set_header(head);
    for row in rows {
        table.add_row(row.map(|cell| escape(&cell)));
    }
    let lines = table.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}
