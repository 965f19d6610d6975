//! The subcommand `sets`.

use polkit_config::escape::escape;
use polkit_config::near::nearest;
use serde_json::{Value, json};

use super::{DONE, NOT_AS_EXPECTED, eprint, mechanisms, print};
use crate::cli::Sets;
use crate::failure::Failure;
use crate::mechanisms::table::sets;
use crate::mechanisms::{Mechanism, Set};
use crate::tree::Tree;

/// Lists the sets, or explains one.
///
/// # Errors
/// The tree cannot be opened.
pub fn run(options: &Sets) -> Result<u8, Failure> {
    mechanisms::load(&Tree::open(options.root.as_deref())?);
    let mut found: Vec<(&Mechanism, &Set)> = sets().collect();
    found.sort_by_key(|(_, set)| set.name.as_str());
    let names: Vec<&str> = found.iter().map(|(_, set)| set.name.as_str()).collect();
    if let Some(name) = &options.name {
        let near = nearest(name, names.iter().copied(), |known| 2.max(known.len() / 3)).map(str::to_owned);
        found.retain(|(_, set)| set.name == *name);
        if found.is_empty() {
            let meant = near.map_or_else(String::new, |near| format!(": did you mean {}?", escape(&near)));
            eprint(&format!("there is no set `{}`{meant}", escape(name)));
            return Ok(NOT_AS_EXPECTED);
        }
    }
    if options.json {
        let all: Vec<Value> = found.iter().map(|(mechanism, set)| as_json(mechanism, set)).collect();
        print(&format!("{:#}", json!({ "sets": all })));
    } else if options.name.is_some() {
        found.iter().for_each(|(mechanism, set)| print(explained(mechanism, set).trim_end()));
    } else {
        let width = found.iter().map(|(_, set)| set.name.len()).max().unwrap_or_default();
        let line = |(_, set): &(&Mechanism, &Set)| format!("{:width$}  {}", escape(&set.name), escape(&set.summary));
        print(&found.iter().map(line).collect::<Vec<_>>().join("\n"));
    }
    Ok(DONE)
}

fn as_json(mechanism: &Mechanism, set: &Set) -> Value {
    let parameters = set.parameters.iter().map(|parameter| {
        json!({
            "key": parameter.key, "detail": parameter.detail, "meaning": parameter.meaning, "default": parameter.default,
        })
    });
    let options = set
        .options
        .iter()
        .map(|option| json!({ "key": option.key, "meaning": option.meaning, "actions": option.actions }));
    json!({
        "name": set.name,
        "summary": set.summary,
        "mechanism": mechanism.name,
        "actions": set.actions,
        "result": set.result.text(),
        "details": set.details.iter().map(|(key, values)| (key.clone(), json!(values))).collect::<serde_json::Map<_, _>>(),
        "parameters": parameters.collect::<Vec<Value>>(),
        "needs_parameter": set.needs_parameter,
        "options": options.collect::<Vec<Value>>(),
        "note": set.note,
        "root_equivalent": set.root_equivalent,
    })
}

fn explained(mechanism: &Mechanism, set: &Set) -> String {
    let mut out = format!("{}: {}\n", escape(&set.name), escape(&set.summary));
    let mut part = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            out.push_str(&format!("\n{title}\n"));
            lines.iter().for_each(|line| out.push_str(&format!("  {}\n", escape(line))));
        }
    };
    let mut about =
        vec![format!("of {}, with the result {} unless `result` says another", mechanism.name, set.result.text())];
    about.extend(set.root_equivalent.iter().map(|why| format!("root-equivalent: {why}")));
    about.extend(set.note.clone());
    let of_details =
        |(key, values): &(String, Vec<String>)| format!("only with the detail {key}={}", values.join(" or "));
    about.extend(set.details.iter().map(of_details));
    part("About", &about);
    part("Actions", &set.actions);
    let of_parameter = |parameter: &crate::mechanisms::set::Parameter| {
        let default = match parameter.default.as_slice() {
            [] => String::new(),
            values => format!(" (default: {})", values.join(", ")),
        };
        format!("{}: {}{default}", parameter.key, parameter.meaning)
    };
    let of_option = |option: &crate::mechanisms::set::SetOption| {
        format!("{} = true: {} ({})", option.key, option.meaning, option.actions.join(", "))
    };
    let keys: Vec<String> = set.parameters.iter().map(of_parameter).chain(set.options.iter().map(of_option)).collect();
    part("Keys", &keys);
    let mut example = vec!["[[allow]]".to_owned(), format!("what = \"{}\"", set.name)];
    if set.needs_parameter {
        let open = set.parameters.iter().find(|parameter| parameter.default.is_empty());
        example.extend(open.map(|parameter| format!("{} = [\"…\"]", parameter.key)));
    }
    example.push("users = [\"…\"]".to_owned());
    part("In a policy file", &example);
    out
}
