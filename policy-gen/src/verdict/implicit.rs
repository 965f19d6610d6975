//! Implicit authorizations: what `.policy` files say, as polkitd reads them.
//!
//! polkitd reads them piece by piece, with expat: a mistake ends the file there, and what stood before it stays. The text of
//! `allow_any` and its like must come in one piece, which a line break or an entity prevents.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::word::{PerSession, Word};

/// As deep as polkitd lets elements be nested.
const DEPTH_MAX: usize = 32;

/// A registered action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its id.
    pub id: String,
    /// The line of its element, from 1.
    pub line: usize,
    /// Its answers.
    pub results: PerSession<Word>,
    /// The actions that it implies: who may do this one may do those.
    pub implies: Vec<String>,
}

/// The actions of a file, and why it ends early, with the line.
#[must_use]
pub fn parse(bytes: &[u8]) -> (Vec<Action>, Option<(usize, String)>) {
    // To polkitd a file ends at a NUL.
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
}

#[derive(Default)]
struct State {
    stack: Vec<Place>,
    had_root: bool,
    action: Option<Action>,
    annotation: String,
    annotations: BTreeMap<String, String>,
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
                let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
                if self.stack.is_empty() {
                    return if text.trim_ascii().is_empty() || text == "\u{feff}" {
                        Ok(())
                    } else {
                        Err("there is text outside of the element".to_owned())
                    };
                }
                // expat hands out each line break by itself.
                text.split_inclusive('\n').try_for_each(|part| {
                    let (rest, end) = part.strip_suffix('\n').map_or((part, ""), |rest| (rest, "\n"));
                    [rest.strip_suffix('\r').unwrap_or(rest), end].into_iter().try_for_each(|piece| self.text(piece))
                })
            }
            Event::CData(text) => {
                let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
                self.text(text)
            }
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => self.text(character.encode_utf8(&mut [0; 4])),
                Ok(None) => {
                    let character = match &**reference {
                        b"lt" => "<",
                        b"gt" => ">",
                        b"amp" => "&",
                        b"quot" => "\"",
                        b"apos" => "'",
                        _ => return Err("there is no such entity".to_owned()),
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
            return Err("there is a second element beside the first".to_owned());
        }
        if self.stack.len() >= DEPTH_MAX {
            return Err("elements are nested too deeply".to_owned());
        }
        let attributes = attributes(start)?;
        let name = start.name();
        let place = match (self.stack.last(), name.as_ref()) {
            (None, b"policyconfig") => Place::Config,
            (Some(Place::Config), b"action") => {
                let [(key, id)] = attributes.as_slice() else {
                    return Err("<action> must have the attribute id and no other".to_owned());
                };
                if key != "id" {
                    return Err("<action> must have the attribute id and no other".to_owned());
                }
                let results = PerSession { any: Word::No, inactive: Word::No, active: Word::No };
                self.action = Some(Action { id: id.clone(), line, results, implies: Vec::new() });
                self.annotations.clear();
                Place::Action
            }
            (Some(Place::Action), b"defaults") => Place::Defaults,
            (Some(Place::Action), b"annotate") => {
                let [(key, value)] = attributes.as_slice() else {
                    return Err("<annotate> must have the attribute key and no other".to_owned());
                };
                if key != "key" {
                    return Err("<annotate> must have the attribute key and no other".to_owned());
                }
                value.clone_into(&mut self.annotation);
                Place::Annotate
            }
            (Some(Place::Defaults), b"allow_any") => Place::Any,
            (Some(Place::Defaults), b"allow_inactive") => Place::Inactive,
            (Some(Place::Defaults), b"allow_active") => Place::Active,
            _ => Place::Unknown,
        };
        self.stack.push(place);
        Ok(())
    }

    fn text(&mut self, piece: &str) -> Result<(), String> {
        let (Some(place), false) = (self.stack.last(), piece.is_empty()) else { return Ok(()) };
        if *place == Place::Annotate {
            // The last piece is what stays.
            self.annotations.insert(self.annotation.clone(), piece.to_owned());
        }
        let Some(action) = &mut self.action else { return Ok(()) };
        let result = match place {
            Place::Any => &mut action.results.any,
            Place::Inactive => &mut action.results.inactive,
            Place::Active => &mut action.results.active,
            _ => return Ok(()),
        };
        *result = Word::parse(piece).ok_or_else(|| format!("`{piece}` is not a result"))?;
        Ok(())
    }

    fn end(&mut self) {
        if self.stack.pop() == Some(Place::Action)
            && let Some(mut action) = self.action.take()
        {
            let implied = self.annotations.remove("org.freedesktop.policykit.imply").unwrap_or_default();
            action.implies = implied.split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect();
            self.actions.push(action);
        }
    }
}

fn attributes(start: &BytesStart<'_>) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = std::str::from_utf8(&attribute.value).map_err(|_| "it is not UTF-8".to_owned())?;
        let value = quick_xml::escape::unescape(value).map_err(|error| error.to_string())?;
        found.push((String::from_utf8_lossy(attribute.key.as_ref()).into_owned(), value.into_owned()));
    }
    Ok(found)
}

#[cfg(test)]
#[path = "implicit_tests.rs"]
mod tests;
