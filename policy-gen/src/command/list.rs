//! The subcommand `list`.

use polkit_config::escape::escape;
use serde_json::json;

use super::{DONE, print};
use crate::cli::List;
use crate::failure::Failure;
use crate::install::record::Record;
use crate::tree::Tree;

/// Shows what is installed, from which file, and since when.
///
/// # Errors
/// The record is unreadable or damaged.
pub fn run(options: &List) -> Result<u8, Failure> {
    let tree = Tree::open(options.root.as_deref())?;
    let record = Record::read(&tree)?;
    if options.json {
        let sources = record
            .sources
            .iter()
            .map(|source| json!({ "file": source.name, "since": source.since, "tables": source.tables }));
        let files: Vec<String> = record.files.iter().map(|file| format!("/{}", file.path)).collect();
        let members = record.members.iter().map(|member| json!({ "user": member.user, "group": member.group }));
        let json = json!({
            "sources": sources.collect::<Vec<_>>(), "files": files, "members": members.collect::<Vec<_>>(),
        });
        print(&json.to_string());
        return Ok(DONE);
    }
    if record.is_empty() {
        print("nothing is installed");
        return Ok(DONE);
    }
    for source in &record.sources {
        print(&format!("{}, since {}", escape(&source.name), time(source.since)));
        source.tables.iter().for_each(|table| print(&format!("  {}", escape(table))));
    }
    print("installed files:");
    record.files.iter().for_each(|file| print(&format!("  /{}", escape(&file.path))));
    record.members.iter().for_each(|member| print(&format!("member {} of {}", member.user, member.group)));
    Ok(DONE)
}

/// Formats seconds since 1970 as a UTC time.
fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.to_string())
}
