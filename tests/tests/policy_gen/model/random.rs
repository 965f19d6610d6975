//! Random policies and questions.

use std::collections::{BTreeMap, BTreeSet};

use polkit_policy_gen::implicit_authorization::Session;

use super::bed::{ACTIONS, Asked, GROUPS, Host, MARKER, MEMBERS, NETGROUPS, USERS, WATCHER};

/// What a policy may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// All of it.
    Rules,
    /// No details, no stars in the midst of a pattern.
    Pkla,
}

const PATTERNS: [&str; 6] =
    ["org.example.*", "org.example.a.*", "org.example.a.o*", "org.*", "org.example.a.one*", "org.example.b.*"];
const STARS_INSIDE: [&str; 3] = ["org.example.*.one", "org.e*.a.t*", "org.*.*.two"];
const KEYS: [&str; 3] = ["unit", "verb", "constructor"];
const VALUES: [&str; 9] = [
    "web-1.service",
    "web-2.service",
    "db.service",
    "",
    "__proto__",
    "toString",
    "k\u{f6}ln\u{2028}\"</script>",
    "web-",
    "aXbXb",
];
const GLOBS: [&str; 8] = ["*", "web-*", "*.service", "web-*.service", "*-*", "a*b*b", "*o*", "web-1*1.service"];
const RESULTS: [&str; 6] = ["yes", "no", "auth_self", "auth_admin", "auth_self_keep", "auth_admin_keep"];

/// xorshift64*: the same seed makes the same choices on every machine.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).expect("31 bits") % limit
    }

    fn one<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    fn some(&mut self, list: &[&str], most: usize) -> Vec<String> {
        let count = self.below(most + 1);
        (0..count).map(|_| format!("{:?}", self.one(list))).collect()
    }

    /// A policy. Its first grant tells by a yes or no which one is in force.
    pub fn policy(&mut self, world: World, turn: usize) -> String {
        let marked = if turn.is_multiple_of(2) { "yes" } else { "no" };
        let mut text = format!("[[grant]]\nactions = [\"{MARKER}\"]\nusers = [\"{WATCHER}\"]\nresult = \"{marked}\"\n");
        for _ in 0..=self.below(if world == World::Rules { 12 } else { 6 }) {
            text.push_str(&self.grant(world));
        }
        text
    }

    fn grant(&mut self, world: World) -> String {
        let mut actions = Vec::new();
        for _ in 0..=self.below(3) {
            let list: &[&str] = match self.below(5) {
                0 | 1 => &PATTERNS,
                2 if world == World::Rules => &STARS_INSIDE,
                _ => &ACTIONS,
            };
            actions.push(format!("{:?}", self.one(list)));
        }
        let mut text = format!("\n[[grant]]\nactions = [{}]\n", actions.join(", "));
        let (users, groups, netgroups) = (self.some(&USERS, 2), self.some(&GROUPS, 2), self.some(&NETGROUPS, 1));
        let empty = users.is_empty() && groups.is_empty() && netgroups.is_empty();
        let everybody = empty && self.below(3) == 0;
        let users = if empty && !everybody { vec![format!("{:?}", self.one(&USERS))] } else { users };
        if everybody {
            text.push_str("everybody = true\n");
        }
        for (key, names) in [("users", users), ("groups", groups), ("netgroups", netgroups)] {
            if !names.is_empty() {
                text.push_str(&format!("{key} = [{}]\n", names.join(", ")));
            }
        }
        let narrowed = world == World::Rules && self.below(2) == 0;
        if narrowed {
            text.push_str(&format!("details = {{ {} }}\n", self.details()));
        }
        // pkla cannot say much where results differ between groups.
        let results = if narrowed { &RESULTS[..4] } else { &RESULTS[..] };
        let result = if self.below(2) == 0 {
            format!("{:?}", self.one(results))
        } else {
            let [any, inactive, active] = [(); 3].map(|()| self.one(results));
            format!("{{ any = {any:?}, inactive = {inactive:?}, active = {active:?} }}")
        };
        text + &format!("result = {result}\n")
    }

    fn details(&mut self) -> String {
        let first = self.below(KEYS.len());
        let count = 1 + self.below(2);
        let of = |random: &mut Self, at: usize| {
            let values: Vec<String> = (0..=random.below(2))
                .map(|_| if random.below(2) == 0 { random.one(&VALUES) } else { random.one(&GLOBS) })
                .map(toml)
                .collect();
            format!("{} = [{}]", KEYS[(first + at) % KEYS.len()], values.join(", "))
        };
        (0..count).map(|at| of(self, at)).collect::<Vec<_>>().join(", ")
    }

    /// A question to be asked in that turn.
    pub fn question(&mut self, world: World, turn: usize) -> Asked {
        let user = self.below(USERS.len());
        let (groups, netgroups) = MEMBERS[user];
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
        let mut details = BTreeMap::new();
        for _ in 0..self.below(4) * usize::from(world == World::Rules) {
            details.insert(self.one(&KEYS).to_owned(), self.one(&VALUES).to_owned());
        }
        Asked {
            action: self.one(&ACTIONS).to_owned(),
            user,
            groups: owned(groups),
            netgroups: owned(netgroups),
            details,
            session: if self.below(2) == 0 { Session::None } else { Host::session(user, turn) },
        }
    }
}

fn toml(text: &str) -> String {
    polkit_policy_gen::emit::quote::toml(text)
}
