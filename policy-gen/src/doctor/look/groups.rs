//! Groups that the administrator's policy names and that do not exist.

use polkit_config::names::Names;
use polkit_config::report::Source;

use crate::check::suggest_name::Shipped;
use crate::lint::groups::named;
use crate::lint::read::Script;
use crate::tree::Tree;
use crate::verdict::Evaluator;

/// Returns the groups without an entry in the user database, each with its place and the group that may be meant. Packages name groups
/// that may be missing on purpose, so only files in /etc count.
pub(super) fn missing(evaluator: &Evaluator, tree: &Tree, names: &Names) -> Vec<(String, String)> {
    let mut places: Vec<(String, String)> = Vec::new();
    for path in evaluator.rules_files().into_iter().filter(|path| path.starts_with("/etc/")) {
        let text = tree.read_text(path.trim_start_matches('/')).unwrap_or_default();
        let source = Source::new(path, text);
        let script = Script::of(source.text());
        let place = |start: usize| format!("{path}:{}", source.position(start).0);
        places.extend(named(&script).map(|(group, span)| (group.to_owned(), place(span.start))));
    }
    for (file, entry) in evaluator.pkla_entries().filter(|(file, _)| file.starts_with("/etc/")) {
        let groups = entry.identities.iter().filter_map(|identity| identity.strip_prefix("unix-group:"));
        let groups = groups.filter(|group| !group.contains(['*', '?']));
        places.extend(groups.map(|group| (group.to_owned(), format!("{file}:{}", entry.line))));
    }
    places.retain(|(group, _)| matches!(names.group(group), Ok(None)));
    let hint = |group: &str| Shipped::default().group(group, names).ok().flatten();
    let with_hint = |(group, place): (String, String)| {
        let place = hint(&group).map_or_else(|| place.clone(), |here| format!("{place} ({here})"));
        (group, place)
    };
    places.into_iter().map(with_hint).collect()
}
