//! A rule and facts for tests, of this crate and of the agent.
#![expect(clippy::expect_used, reason = "the values are constants, and only tests use them")]

use std::collections::BTreeMap;

use polkit_types::{SubjectUid, pattern::ActionPattern};

use crate::{
    facts::{Content, Fact, Facts, FileId, Session},
    rule::{Answer, Named, Rule},
    schedule::When,
};

/// The action of [`rule`] and [`facts`].
pub const ACTION: &str = "org.libvirt.unix.manage";

/// A rule about [`ACTION`] and the user of [`facts`].
#[must_use]
pub fn rule(answer: Answer) -> Rule {
    Rule {
        id: "r".into(),
        origin: "agent.toml:1".into(),
        actions: vec![ActionPattern::new(ACTION).expect("an action")],
        unit: None,
        user: Some(Named { name: "www-data".into(), id: 33 }),
        group: None,
        exe: None,
        delegated: false,
        own_user: false,
        session: None,
        seat: None,
        details: BTreeMap::new(),
        unbound: false,
        when: When::default(),
        at_most: None,
        answer,
        hold: None,
        credentials: Vec::new(),
    }
}

/// The facts of a challenge to the user `www-data` in `apache2.service`.
#[must_use]
pub fn facts() -> Facts {
    Facts {
        action: ACTION.into(),
        uid: SubjectUid::new(33).expect("a uid"),
        unit: Fact::Known(Some("apache2.service".into())),
        groups: Fact::Known([33].into()),
        exe: Fact::Known(FileId { device: 1, inode: 2 }),
        delegated: Fact::Known(false),
        exclusive_user: Fact::Unknown,
        content: Fact::Known(Content { size: 3, modified: (4, 5), changed: (6, 7) }),
        login: None,
        named_files: BTreeMap::new(),
        session: Fact::Known(Session::None),
        details: Fact::Unknown,
        served_session: None,
        other_user: false,
        vouched_for: true,
        moment: Fact::Unknown,
    }
}
