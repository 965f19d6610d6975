//! The subcommand `recipe`.

use std::io::IsTerminal as _;

use polkit_config::escape::escape;
use polkit_config::report::Source;

use super::{DONE, print};
use crate::cli::Recipe as Options;
use crate::emit::quote::shell;
use crate::failure::Failure;
use crate::policy;
use crate::recipe::{Recipe, all, find};
use crate::target::Version;

/// Prints a recipe, or the table of all recipes.
///
/// # Errors
/// There is no such recipe or key, or a value makes the policy invalid.
pub fn run(options: &Options) -> Result<u8, Failure> {
    let Some(name) = &options.name else {
        print(table().trim_end());
        return Ok(DONE);
    };
    let recipe = find(name).map_err(|why| Failure::Usage(escape(&why)))?;
    let rendered = recipe.render(&options.values).map_err(|problems| {
        Failure::Usage(problems.iter().map(|problem| escape(problem)).collect::<Vec<_>>().join("\n"))
    })?;
    if let Err(report) = policy::read(&[Source::new("the recipe with these values", rendered.policy.as_str())]) {
        return Err(Failure::Refused(report.render(std::io::stderr().is_terminal())));
    }
    if options.agent {
        let Some(agent) = &rendered.agent else {
            let message = format!("the recipe `{}` needs no polkit-service-agent", recipe.name);
            return Err(Failure::Usage(message));
        };
        print(&format!("{}{}", head(recipe, options, true), agent.trim_end()));
    } else {
        print(&format!("{}{}", head(recipe, options, rendered.agent.is_some()), rendered.policy.trim_end()));
    }
    Ok(DONE)
}

/// The comment at the top of a file: what it is for, its keys, and the next commands.
fn head(recipe: &Recipe, options: &Options, has_agent: bool) -> String {
    let given: Vec<String> =
        options.values.iter().map(|(key, value)| format!(" {}", shell(&format!("{key}={value}")))).collect();
    let command = format!("polkit-policy-gen recipe {}{}", recipe.name, given.concat());
    let mut lines = vec![format!("{}: {}", recipe.name, recipe.summary)];
    if recipe.since > Version::RULES {
        lines.push(format!("It needs polkit {} or later.", recipe.since));
    }
    for key in &recipe.keys {
        let default = if key.default.is_empty() { "none" } else { &key.default };
        lines.push(format!("Key {}: {} (default: {default})", key.name, key.meaning));
    }
    let agent_folder = if has_agent { " /etc/polkit-service-agent/agent.d" } else { "" };
    lines.push(format!("  mkdir -p /etc/polkit-policy-gen/policy.d{agent_folder}"));
    lines.push(format!("  {command} > /etc/polkit-policy-gen/policy.d/50-{}.toml", recipe.name));
    if has_agent {
        lines.push(format!("  {command} --agent > /etc/polkit-service-agent/agent.d/50-{}.toml", recipe.name));
    }
    let restart = if recipe.restarts { " --restart" } else { "" };
    lines.push(format!("  polkit-policy-gen install{restart}"));
    if has_agent {
        lines.push("  systemctl enable --now polkit-service-agent; systemctl reload polkit-service-agent".to_owned());
    }
    lines.iter().map(|line| format!("# {}\n", escape(line))).collect::<String>() + "\n"
}

/// The table of all recipes: names, purposes and keys.
fn table() -> String {
    let width = all().iter().map(|recipe| recipe.name.len()).max().unwrap_or_default();
    let mut out = String::new();
    for recipe in all() {
        let keys: Vec<&str> = recipe.keys.iter().map(|key| key.name.as_str()).collect();
        out.push_str(&format!("{:width$}  {}\n", recipe.name, recipe.summary));
        if !keys.is_empty() {
            out.push_str(&format!("{:width$}    keys: {}\n", "", keys.join(", ")));
        }
    }
    out
}
