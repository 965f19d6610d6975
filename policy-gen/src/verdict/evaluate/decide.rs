//! The verdict about one action from files, pkla and rules, without implying actions. Pure.

use super::action_request::{ActionRequest, compat, is_compat};
use super::policy_data::PolicyData;
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::mechanisms;
use crate::target::{JavaScript, UNITS, Version};
use crate::verdict::files::RegisteredAction;
use crate::verdict::pkla::{self, Reader};
use crate::verdict::wire::{End, EngineReply, EngineRequest};
use crate::verdict::{AccessRequest, Decider, DeciderKind, Flag, Outcome, RuleError, Verdict};

/// The first version that provides rules with the uid.
const UIDS: Version = Version(127);

/// The first version with the flag `ALWAYS_CHECK`, by which a mechanism asks polkit to decide about root as about other users.
const ALWAYS_CHECK: Version = Version(125);

impl PolicyData {
    /// Returns the verdict if it needs no rules.
    pub(super) fn before_rules(&self, request: &ActionRequest<'_>) -> Option<Verdict> {
        let Some(registered) = self.files.actions.get(request.action) else {
            let mut verdict = Verdict::of(Outcome::Unregistered, None);
            verdict.depend_on(
                self.files
                    .closed_to_us
                    .iter()
                    .filter(|path| path.contains("/actions"))
                    .map(|path| format!("the content of {path}, which only root may read")),
            );
            return Some(verdict);
        };
        if self.exempts_root(request) {
            let decider = Decider { kind: DeciderKind::Root, file: None, line: None, by_action: None, grant: None };
            let mut verdict = Verdict::of(Outcome::Result(ImplicitAuthorization::Yes), Some(decider));
            let says = if request.access_request.has(Flag::AlwaysCheck) {
                "yes: polkit allows root everything, and ignores the flag ALWAYS_CHECK before polkit 125"
            } else {
                "yes: polkit allows root everything"
            };
            verdict.step("root", says, None, None);
            return Some(verdict);
        }
        if self.target.version >= Version::RULES {
            return None;
        }
        let mut verdict = Self::implicit(registered, request);
        if let Some(pkla) = &self.files.pkla {
            let outcome = pkla.outcome(request.subject(), request.action);
            let mut words: Vec<Option<ImplicitAuthorization>> =
                outcome.possible.iter().map(|result| result.as_ref().map(|result| result.result)).collect();
            words.dedup();
            if let [Some(word)] = words.as_slice()
                && let Some(Some(result)) = outcome.possible.first()
            {
                verdict.decide(*word, DeciderKind::Pkla, Some(result.file.clone()), Some(result.line));
                verdict.step("pkla", word.text(), Some(result.file.clone()), Some(result.line));
            } else if words.len() > 1 {
                verdict.depend_on([order_unknown(&outcome)]);
            } else {
                verdict.step("pkla", "nothing", None, None);
            }
            verdict.depend_on(outcome.unknown);
        }
        verdict.depend_on(self.always.iter().cloned());
        Some(verdict)
    }

    pub(super) fn exempts_root(&self, request: &ActionRequest<'_>) -> bool {
        request.user.uid == Some(0) && !(self.target.version >= ALWAYS_CHECK && why_root_is_checked(request).is_some())
    }

    fn implicit(registered: &RegisteredAction, request: &ActionRequest<'_>) -> Verdict {
        let word = registered.action.results.of(request.access_request.session);
        let (file, line) = (Some(registered.file.clone()), Some(registered.action.line));
        let decider = Decider { kind: DeciderKind::Implicit, file: file.clone(), line, by_action: None, grant: None };
        let mut verdict = Verdict::of(Outcome::Result(word), Some(decider));
        if request.user.uid == Some(0)
            && let Some(why) = why_root_is_checked(request)
        {
            verdict.step("root", &format!("not exempt: {why}"), None, None);
        }
        verdict.step("implicit", word.text(), file, line);
        if let Some(rival) = &registered.rival {
            verdict.depend_on([format!("whether polkitd reads {rival} or {} last", registered.file)]);
        }
        verdict
    }

    pub(super) fn ask(&self, request: &ActionRequest<'_>) -> EngineRequest {
        let AccessRequest {
            details,
            session,
            system_unit,
            no_new_privileges,
            netgroups,
            programs,
            session_id,
            seat,
            ..
        } = request.access_request;
        let mut programs = programs.clone();
        if let Some(pkla) = self.files.pkla.as_ref().filter(|pkla| pkla.reader == Reader::Compat) {
            programs.extend(compat(pkla, request));
        }
        EngineRequest {
            action: request.action.to_owned(),
            details: details.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            user: request.user.name.clone(),
            groups: request.user.groups.clone(),
            in_session: *session != Session::None,
            local: session.is_local(),
            active: session.is_active(),
            has_uid: self.target.version >= UIDS,
            uid: request.user.uid,
            has_unit: self.target.version >= UNITS,
            unit: system_unit.clone(),
            no_new_privileges: *no_new_privileges,
            netgroups: netgroups.clone(),
            programs,
            session: session_id.clone(),
            seat: seat.clone(),
            open: None,
            only: None,
            sifts: false,
        }
    }

    pub(super) fn after_rules(
        &self,
        request: &ActionRequest<'_>,
        reply: Option<Result<EngineReply, String>>,
    ) -> Verdict {
        let Some(registered) = self.files.actions.get(request.action) else {
            return Verdict::of(Outcome::Unregistered, None);
        };
        let mut verdict = Self::implicit(registered, request);
        match reply {
            None => {}
            Some(Err(why)) => {
                verdict.depend_on([format!("the effect of a rule in polkitd: when run by this program, {why}")])
            }
            Some(Ok(reply)) => self.apply_reply(&mut verdict, request, reply),
        }
        verdict.depend_on(self.always.iter().cloned());
        verdict
    }

    fn apply_reply(&self, verdict: &mut Verdict, request: &ActionRequest<'_>, reply: EngineReply) {
        let place = reply.rule.and_then(|rule| self.rules.get(rule));
        let file = place.and_then(|(file, _)| self.files.rules.get(*file)).map(|rules| rules.path.clone());
        let line = place.map(|(_, line)| *line).filter(|line| *line > 0);
        let other_engine = self.target.javascript != JavaScript::Duktape;
        match reply.end {
            End::Nothing => verdict.step("rules", "nothing", None, None),
            End::Text(text) => match ImplicitAuthorization::parse(&text) {
                Some(word) if file.as_ref().is_some_and(|file| is_compat(file)) => {
                    let result =
                        self.files.pkla.as_ref().map(|pkla| pkla.outcome(request.subject(), request.action).possible);
                    let result = result.and_then(|mut possible| possible.pop_first().flatten());
                    let (file, line) = result.map_or((file, line), |result| (Some(result.file), Some(result.line)));
                    verdict.decide(word, DeciderKind::Pkla, file.clone(), line);
                    verdict.step("pkla", word.text(), file, line);
                }
                Some(word) => {
                    verdict.decide(word, DeciderKind::Rule, file.clone(), line);
                    verdict.step("rules", word.text(), file, line);
                }
                None => {
                    verdict.refuse(RuleError::NotAResult(text), file, line);
                }
            },
            End::Threw(message, thrown_at) => {
                let line = thrown_at.and_then(|line| usize::try_from(line).ok()).or(line);
                verdict.refuse(RuleError::Throws(message.clone()), file, line);
                if other_engine {
                    verdict.depend_on([format!(
                        "the engine of that polkit: in Duktape a rule throws an exception ({message})"
                    )]);
                }
            }
            End::Kills(message) => {
                verdict.decide(ImplicitAuthorization::No, DeciderKind::Rule, file.clone(), line);
                let says = format!("no result: the rule ends polkitd: {message}");
                verdict.step("rules", &says, file, line);
                verdict.ends_polkitd = Some(message.clone());
                if other_engine {
                    verdict.depend_on([format!(
                        "the engine of that polkit: with Duktape the rule ends polkitd ({message})"
                    )]);
                }
            }
        }
        verdict.depend_on(reply.unknown.into_iter().map(|what| unknown(&what)));
    }
}

/// Returns why polkit decides about root as about other users, if the request has the flag `ALWAYS_CHECK`.
fn why_root_is_checked(request: &ActionRequest<'_>) -> Option<String> {
    if request.access_request.has(Flag::AlwaysCheck) {
        return Some("the request has the flag ALWAYS_CHECK".to_owned());
    }
    let (mechanism, since) = mechanisms::checks_root(request.action)?;
    let since = if since.is_empty() { String::new() } else { format!(" ({since} and later)") };
    Some(format!("{}{since} asks about root as about other users (ALWAYS_CHECK)", mechanism.name))
}

fn order_unknown(outcome: &pkla::PklaOutcome) -> String {
    let files: std::collections::BTreeSet<&str> =
        outcome.possible.iter().flatten().map(|result| result.file.as_str()).collect();
    format!("the order in which polkit 0.105 reads {}", Vec::from_iter(files).join(" and "))
}

/// Describes an unknown fact that the engine reported.
fn unknown(what: &str) -> String {
    match what.split_once(' ') {
        Some(("program", line)) => format!("the output of a program that a rule runs: {line}"),
        Some(("netgroup", name)) => format!("whether the user is in the netgroup {name}"),
        _ if what == "memory" => "whether polkitd has more memory than this program allows a rule".to_owned(),
        _ if what == "subject.system_unit" => {
            "subject.system_unit, the unit of the client; `explain --unit` names it. It is null if the mechanism passes a process by its pid, as libvirtd does"
                .to_owned()
        }
        _ if what == "subject.no_new_privileges" => {
            "subject.no_new_privileges, which a rule reads: systemd of this host knows it of a unit that exists".to_owned()
        }
        _ => format!("{what}, which a rule reads"),
    }
}
