//! JavaScript rules, in the ES5 that both mozjs (polkit 0.106 to 125) and Duktape (121 and later) support. Few grants become a rule each,
//! which a reviewer can read (`plain`). Many grants become `tables`.

use super::{Origin, plain, tables};
use crate::policy::Grant;

/// Generates a rules file. The second line explains its file name. The same grants give the same bytes.
#[must_use]
pub fn emit(grants: &[&Grant], why_here: &str, origin: &Origin) -> String {
    let rules = if plain::suits(grants) { plain::emit(grants) } else { tables::emit(grants) };
    format!("// {}\n// {why_here}\n{rules}", super::first_line(origin))
}
