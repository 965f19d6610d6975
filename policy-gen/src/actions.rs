//! The actions that a tree's `.policy` files declare, as polkit reads them.
//!
//! polkit takes a file's actions one by one, and what is wrong in a file ends it there: those before it stay (measured on 0.105
//! to 128).

use std::io;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::target::Version;
use crate::tree::Tree;

/// Where packages have them; from 126 on in the others, too.
const SHARED: &str = "usr/share/polkit-1/actions";
const FURTHER: [&str; 3] = ["etc/polkit-1/actions", "run/polkit-1/actions", "usr/local/share/polkit-1/actions"];
/// The first version that reads the others.
const FURTHER_SINCE: Version = Version(126);
/// The results that a default may have, and the spelling of old files.
const RESULTS: [&str; 6] = ["no", "yes", "auth_self", "auth_self_keep", "auth_admin", "auth_admin_keep"];

/// An action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// Its id.
    pub id: String,
    /// What it is, in English.
    pub description: String,
    /// Without a local session, in an inactive one, in an active one.
    pub defaults: [String; 3],
    /// Its annotations, such as `org.freedesktop.policykit.imply` and `.owner`.
    pub annotations: Vec<(String, String)>,
    /// The file that declares it.
    pub file: String,
}

/// All actions of a tree, and what is wrong in its files.
#[derive(Debug, Default)]
pub struct Found {
    /// By id.
    pub actions: Vec<Action>,
    /// Each as a sentence that names the file.
    pub problems: Vec<String>,
}

/// Reads the actions of a tree. Of a polkit that is not known all directories are read.
///
/// # Errors
/// A directory cannot be listed, or a file not read.
pub fn of_tree(tree: &Tree, version: Option<Version>) -> io::Result<Found> {
    let mut found = Found::default();
    let further = version.is_none_or(|version| version >= FURTHER_SINCE);
    for directory in std::iter::once(SHARED).chain(FURTHER.into_iter().filter(|_| further)) {
        for name in tree.names(directory)?.into_iter().filter(|name| name.ends_with(".policy")) {
            let path = format!("{directory}/{name}");
            let (actions, problem) = parse(&tree.read_text(&path)?, &tree.shown(&path));
            found.actions.extend(actions);
            let shown = tree.shown(&path);
            found.problems.extend(problem.map(|problem| format!("{shown}: {problem}; polkit reads no more of it")));
        }
    }
    found.actions.sort_by(|a, b| (&a.id, &a.file).cmp(&(&b.id, &b.file)));
    Ok(found)
}

/// The actions of a file, and what ends it.
fn parse(text: &str, file: &str) -> (Vec<Action>, Option<String>) {
    let mut actions = Vec::new();
    let mut reader = Reader::from_str(text);
    let ended = read(&mut reader, file, &mut actions).err();
    let problem = ended.map(|error| {
        let before = text.get(..usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)).unwrap_or(text);
        format!("line {}: {error}", before.matches('\n').count() + 1)
    });
    (actions, problem)
}

fn read(reader: &mut Reader<&[u8]>, file: &str, actions: &mut Vec<Action>) -> Result<(), String> {
    let mut path: Vec<String> = Vec::new();
    let mut action = Action::default();
    let mut text = String::new();
    // The key of an annotation, or the language of a description.
    let mut attribute = None;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Eof if path.is_empty() => return Ok(()),
            Event::Eof => return Err(format!("<{}> is not closed", path.join("> <"))),
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                attribute = match name.as_str() {
                    "action" => {
                        let id = value(&start, "id")?.ok_or("an action without an id")?;
                        action = Action {
                            id,
                            defaults: ["no", "no", "no"].map(str::to_owned),
                            file: file.to_owned(),
                            ..Action::default()
                        };
                        None
                    }
                    "annotate" => value(&start, "key")?,
                    "description" => value(&start, "xml:lang")?,
                    _ => None,
                };
                path.push(name);
                text.clear();
            }
            Event::Text(part) => text.push_str(&part),
            Event::CData(part) => text.push_str(&part),
            Event::GeneralRef(reference) => {
                let resolved = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                let named =
                    quick_xml::escape::resolve_predefined_entity(&reference).and_then(|text| text.chars().next());
                text.push(resolved.or(named).ok_or("an unknown entity")?);
            }
            Event::End(_) => {
                let parents: Vec<&str> = path.iter().map(String::as_str).collect();
                match parents.as_slice() {
                    ["policyconfig", "action"] => actions.push(std::mem::take(&mut action)),
                    ["policyconfig", "action", "description"] if attribute.is_none() => {
                        action.description = text.trim().to_owned()
                    }
                    ["policyconfig", "action", "annotate"] => {
                        action.annotations.extend(attribute.take().map(|key| (key, text.trim().to_owned())));
                    }
                    ["policyconfig", "action", "defaults", which] => set_default(&mut action, which, &text)?,
                    _ => {}
                }
                path.pop();
                text.clear();
            }
            _ => {}
        }
    }
}

fn set_default(action: &mut Action, which: &str, text: &str) -> Result<(), String> {
    let names = ["allow_any", "allow_inactive", "allow_active"];
    let Some((_, default)) = names.iter().zip(&mut action.defaults).find(|(name, _)| **name == which) else {
        return Ok(());
    };
    if text.is_empty() {
        return Ok(());
    }
    if !RESULTS.contains(&text) {
        return Err(format!("`{}` is not a result", polkit_config::escape::escape(text)));
    }
    *default = text.to_owned();
    Ok(())
}

fn value(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let attribute = start.try_get_attribute(name).map_err(|error| error.to_string())?;
    attribute
        .map(|attribute| {
            attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map(std::borrow::Cow::into_owned)
                .map_err(|error| error.to_string())
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(id: &str, any: &str) -> String {
        format!(
            "<action id=\"{id}\"><description>About {id} &amp; more</description><description xml:lang=\"de\">Deutsch</description>\
             <defaults><allow_any>{any}</allow_any><allow_active>yes</allow_active></defaults>\
             <annotate key=\"org.freedesktop.policykit.imply\">a.b a.c</annotate></action>\n"
        )
    }

    fn file(inside: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE policyconfig PUBLIC \"-//x//DTD 1.0//EN\" \"http://x/y.dtd\">\n<policyconfig>\n{inside}</policyconfig>\n"
        )
    }

    #[test]
    fn an_action_is_read_with_its_defaults_and_annotations() {
        let (actions, problem) = parse(&file(&action("a.b", "auth_admin")), "f");
        assert_eq!(problem, None);
        assert_eq!(
            actions,
            [Action {
                id: "a.b".to_owned(),
                description: "About a.b & more".to_owned(),
                defaults: ["auth_admin", "no", "yes"].map(str::to_owned),
                annotations: vec![("org.freedesktop.policykit.imply".to_owned(), "a.b a.c".to_owned())],
                file: "f".to_owned(),
            }]
        );
    }

    #[test]
    fn what_is_wrong_ends_the_file_and_what_came_before_stays() {
        for (wrong, said) in [
            (action("a.c", "YES"), "line 5: `YES` is not a result"),
            (action("a.c", " yes "), "line 5: ` yes ` is not a result"),
            ("<action>\n".to_owned(), "line 5: an action without an id"),
        ] {
            let (actions, problem) =
                parse(&file(&format!("{}{wrong}{}", action("a.b", ""), action("a.d", "yes"))), "f");
            assert_eq!(actions.iter().map(|action| action.id.as_str()).collect::<Vec<_>>(), ["a.b"], "{wrong}");
            assert_eq!(problem.as_deref(), Some(said));
        }
    }
}
