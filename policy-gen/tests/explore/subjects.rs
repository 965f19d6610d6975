//! Concrete subjects by chance, each as a request to the evaluator.

use std::collections::BTreeMap;

use polkit_policy_gen::explore::Condition;
use polkit_policy_gen::implicit_authorization::Session;
use polkit_policy_gen::verdict::AccessRequest;
use polkit_policy_gen::verdict::evaluate::UserFacts;
use polkit_policy_gen::verdict::wire::{Fact, KnownFact};

use crate::numbers::Random;

/// The texts of subjects and details: those of the policies, and some others.
pub const USERS: &[&str] =
    &["alice", "bob", "carol", "dave", "www-data", "toString", "constructor", "web-1", "zed", "5999"];
pub const GROUPS: &[&str] = &["vm", "wheel", "sudo", "libvirt", "kvm", "netdev", "www-data", "3001", "users", "zeds"];
pub const UNITS: &[&str] = &["a.service", "web.service", "nginx.service", "zed.service"];
pub const KEYS: &[&str] = &["unit", "verb", "program"];
pub const VALUES: &[&str] = &["nginx.service", "web-1.service", "restart", "start", "", "/bin/x", "zed"];

/// A subject with its request.
#[derive(Clone, Debug)]
pub struct Subject {
    pub request: AccessRequest,
    pub user: UserFacts,
}

impl Subject {
    pub fn random(random: &mut Random, action: &str) -> Self {
        let name = random.pick(USERS).to_owned();
        let mut groups: Vec<String> = Vec::new();
        for _ in 0..random.below(4) {
            let group = random.pick(GROUPS).to_owned();
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        let details: BTreeMap<String, String> =
            (0..random.below(3)).map(|_| (random.pick(KEYS).to_owned(), random.pick(VALUES).to_owned())).collect();
        let unit = random.once_in(2).then(|| random.pick(UNITS).to_owned());
        let session = Session::ALL[random.below(4)];
        let request = AccessRequest {
            action: action.to_owned(),
            session,
            details,
            no_new_privileges: unit.as_ref().map(|_| random.once_in(2)),
            system_unit: Some(unit),
            netgroups: Some(Vec::new()),
            session_id: (session != Session::None).then(|| random.pick(&["1", "c1", "77"]).to_owned()),
            seat: session.is_local().then(|| random.pick(&["seat0", "seat1"]).to_owned()),
            ..AccessRequest::default()
        };
        let uid = [0, 500, 1000, 3001, 1_999_999_973, 4_000_000_000][random.below(6)];
        let has_name = name.parse::<u32>().is_err();
        Self { request, user: UserFacts { name, groups, uid: Some(uid), has_name } }
    }

    /// A subject that fulfils a condition, otherwise by chance. None if chance finds none.
    pub fn of_condition(condition: &Condition, random: &mut Random, action: &str) -> Option<Self> {
        (0..100).find_map(|_| {
            let mut one = Self::random(random, action);
            condition.all.iter().for_each(|known| one.apply(known));
            condition.covers(|fact| one.has(fact)).then_some(one)
        })
    }

    fn apply(&mut self, known: &KnownFact) {
        let Self { request, user } = self;
        let (kind, value) = (known.fact.kind.as_str(), known.fact.value.clone());
        match (kind, value) {
            ("group", Some(group)) => {
                user.groups.retain(|one| *one != group);
                if known.is {
                    user.groups.push(group);
                }
            }
            ("user", Some(name)) if known.is => {
                user.has_name = name.parse::<u32>().is_err();
                user.name = name;
            }
            ("uid", Some(uid)) if known.is => user.uid = uid.parse().ok(),
            ("session", Some(id)) if known.is => request.session_id = Some(id),
            ("seat", Some(seat)) if known.is => request.seat = Some(seat),
            ("system_unit", Some(unit)) if known.is => {
                request.system_unit = Some(Some(unit));
                request.no_new_privileges = Some(request.no_new_privileges.unwrap_or(false));
            }
            ("no_new_privileges", None) if request.system_unit.clone().flatten().is_some() => {
                request.no_new_privileges = Some(known.is);
            }
            (detail, Some(value)) if known.is => {
                request.details.insert(detail.strip_prefix("detail:").unwrap().to_owned(), value);
            }
            (detail, None) if detail.starts_with("detail:") && !known.is => {
                request.details.remove(detail.strip_prefix("detail:").unwrap());
            }
            _ => {}
        }
    }

    /// Takes away the unit, as a mechanism does that passes a process.
    pub fn without_unit(&mut self) {
        self.request.system_unit = Some(None);
        self.request.no_new_privileges = None;
    }

    /// Whether a fact is true of the subject.
    pub fn has(&self, fact: &Fact) -> bool {
        let Self { request, user } = self;
        let text: Option<String> = match fact.kind.as_str() {
            "local" => return request.session.is_local(),
            "active" => return request.session.is_active(),
            "group" => return user.groups.iter().any(|group| Some(group) == fact.value.as_ref()),
            "no_new_privileges" => return request.no_new_privileges == Some(true),
            "user" => Some(user.name.clone()),
            "uid" => user.uid.map(|uid| uid.to_string()),
            "session" => request.session_id.clone().filter(|_| request.session != Session::None),
            "seat" => request.seat.clone().filter(|_| request.session.is_local()),
            "system_unit" => request.system_unit.clone().flatten(),
            kind => request.details.get(kind.strip_prefix("detail:").unwrap()).cloned(),
        };
        match &fact.value {
            Some(value) => text.as_ref() == Some(value),
            None => text.is_some(),
        }
    }
}
