//! Parses `.policy` files, with the implicit authorizations, as polkitd does.
//!
//! polkitd parses a file with expat and acts on each part at once: an error ends the file, and the earlier actions remain. The text
//! of `allow_any` and similar elements must arrive in one part, so it cannot contain a line break or an entity.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::implicit_authorization::{BySession, ImplicitAuthorization};

/// polkitd's limit of the nesting depth of elements.
const DEPTH_MAX: usize = 32;

/// A registered action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The id.
    pub id: String,
    /// The line of the element, from 1.
    pub line: usize,
    /// The English description.
    pub description: String,
    /// The implicit authorizations.
    pub results: BySession<ImplicitAuthorization>,
    /// The annotations by key.
    pub annotations: BTreeMap<String, String>,
    /// The implied actions: who is authorized for this action is authorized for them.
    pub implies: Vec<String>,
}

/// Returns the actions of a file, and the error that ends it, with the line.
#[must_use]
pub fn parse(bytes: &[u8]) -> (Vec<Action>, Option<(usize, String)>) {
    // polkitd reads a file only up to a NUL.
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut state = State::default();
    let mut reader = Reader::from_reader(bytes);
    reader.config_mut().expand_empty_elements = true;
    let mut line = 1;
    let mut seen = 0;
    loop {
        let event = reader.read_event();
        let at = usize::try_from(reader.buffer_position()).unwrap_or(bytes.len()).min(bytes.len());
        line += bytes.get(seen..at).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
        seen = at.max(seen);
        let done = match event {
            Ok(Event::Eof) if state.stack.is_empty() && state.had_root => return (state.actions, None),
            Ok(Event::Eof) => Err("the file ends too early".to_owned()),
            Ok(event) => state.take(&event, line),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = done {
            return (state.actions, Some((line, why)));
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Unknown,
    Config,
    Action,
    Defaults,
    Any,
    Inactive,
    Active,
    Annotate,
    Description,
}

#[derive(Default)]
struct State {
    stack: Vec<Place>,
    had_root: bool,
    action: Option<Action>,
    annotation: String,
    actions: Vec<Action>,
}

impl State {
    fn take(&mut self, event: &Event<'_>, line: usize) -> Result<(), String> {
        match event {
            Event::Start(start) => self.start(start, line),
            Event::End(_) => {
                self.end();
                Ok(())
            }
            Event::Text(text) => {
                let text: &str = text;
                if self.stack.is_empty() {
                    return if text.trim_ascii().is_empty() || text == "\u{feff}" {
                        Ok(())
                    } else {
                        Err("there is text outside the root element".to_owned())
                    };
                }
                // expat passes each line break separately.
                text.split_inclusive('\n').try_for_each(|part| {
                    let (rest, end) = part.strip_suffix('\n').map_or((part, ""), |rest| (rest, "\n"));
                    [rest.strip_suffix('\r').unwrap_or(rest), end].into_iter().try_for_each(|piece| self.text(piece))
                })
            }
            Event::CData(text) => self.text(text),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => self.text(character.encode_utf8(&mut [0; 4])),
                Ok(None) => {
                    let character = match &**reference {
                        "lt" => "<",
                        "gt" => ">",
                        "amp" => "&",
                        "quot" => "\"",
                        "apos" => "'",
                        _ => return Err("unknown entity".to_owned()),
                    };
                    self.text(character)
                }
                Err(error) => Err(error.to_string()),
            },
            _ => Ok(()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, line: usize) -> Result<(), String> {
        if self.stack.is_empty() && std::mem::replace(&mut self.had_root, true) {
            return Err("there is more than one root element".to_owned());
        }
        if self.stack.len() >= DEPTH_MAX {
            return Err("elements are nested too deeply".to_owned());
        }
        let attributes = attributes(start)?;
        let name = start.name();
        let place = match (self.stack.last(), name.as_ref()) {
            (None, "policyconfig") => Place::Config,
            (Some(Place::Config), "action") => {
                let [(key, id)] = attributes.as_slice() else {
                    return Err("<action> must have exactly the attribute id".to_owned());
                };
                if key != "id" {
                    return Err("<action> must have exactly the attribute id".to_owned());
                }
                let results = BySession {
                    any: ImplicitAuthorization::No,
                    inactive: ImplicitAuthorization::No,
                    active: ImplicitAuthorization::No,
                };
                let (description, annotations) = Default::default();
                self.action =
                    Some(Action { id: id.clone(), line, description, results, annotations, implies: Vec::new() });
                Place::Action
            }
            (Some(Place::Action), "defaults") => Place::Defaults,
            (Some(Place::Action), "annotate") => {
                let [(key, value)] = attributes.as_slice() else {
                    return Err("<annotate> must have exactly the attribute key".to_owned());
                };
                if key != "key" {
                    return Err("<annotate> must have exactly the attribute key".to_owned());
                }
                value.clone_into(&mut self.annotation);
                Place::Annotate
            }
            // A description with a language is a translation. systemd's have `gettext-domain`.
            (Some(Place::Action), "description") if attributes.iter().all(|(key, _)| key != "xml:lang") => {
                Place::Description
            }
            (Some(Place::Defaults), "allow_any") => Place::Any,
            (Some(Place::Defaults), "allow_inactive") => Place::Inactive,
            (Some(Place::Defaults), "allow_active") => Place::Active,
            _ => Place::Unknown,
        };
        self.stack.push(place);
        Ok(())
    }

    fn text(&mut self, piece: &str) -> Result<(), String> {
        let (Some(place), false) = (self.stack.last(), piece.is_empty()) else { return Ok(()) };
        let Some(action) = &mut self.action else { return Ok(()) };
        let result = match place {
            Place::Annotate => {
                // The last part counts.
                action.annotations.insert(self.annotation.clone(), piece.to_owned());
                return Ok(());
            }
            Place::Description => {
                action.description.push_str(piece);
                return Ok(());
            }
            Place::Any => &mut action.results.any,
            Place::Inactive => &mut action.results.inactive,
            Place::Active => &mut action.results.active,
            _ => return Ok(()),
        };
        *result = ImplicitAuthorization::parse(piece).ok_or_else(|| format!("`{piece}` is not a result"))?;
        Ok(())
    }

    fn end(&mut self) {
        if self.stack.pop() == Some(Place::Action)
            && let Some(mut action) = self.action.take()
        {
            let implied = action.annotations.get("org.freedesktop.policykit.imply").map_or("", String::as_str);
            action.implies = implied.split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect();
            self.actions.push(action);
        }
    }
}

fn attributes(start: &BytesStart<'_>) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?;
        found.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(found)
}

#[cfg(test)]
#[path = "action_file_tests.rs"]
mod tests;
