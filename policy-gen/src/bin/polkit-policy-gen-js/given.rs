//! A question to the rules, and what they are given: an action and a subject.
//!
//! polkitd has them made by constructors, which rules files may replace, with methods of their own. Where no file can tell, they
//! are made here without the constructors, and a method when a rule wants it: that takes up to a fifth off a question.

use polkit_policy_gen::verdict::wire::{Ask, End, Told};

use super::{Engine, short};
use crate::duktape::{Heap, Value};
use crate::host::{self, Notes};

/// Pushes a value.
type Push = fn(&mut Heap);
/// The subject's properties whose value may not be known, and what a rule that reads them gets instead.
const CONCEALED: [(&str, Push); 5] = [
    ("uid", |heap| heap.push_number(2)),
    ("pid", |heap| heap.push_number(2)),
    ("seat", |heap| heap.push_text("seat0")),
    ("session", |heap| heap.push_text("1")),
    ("system_unit", Heap::push_null),
];
/// The methods, and what makes them.
const ACTION_METHODS: [(&str, &str); 2] = [("lookup", "lookup"), ("toString", "describeAction")];
const SUBJECT_METHODS: [(&str, &str); 3] =
    [("isInGroup", "isInGroup"), ("isInNetGroup", "isInNetGroup"), ("toString", "describeSubject")];
// The bottom of the stack, which stays: what both kinds of objects inherit, then a getter and a setter of each of these.
const ACTION: i32 = 0;
const SUBJECT: i32 = 1;
const OF_CONCEALED: i32 = 2;
const OF_ACTION: i32 = OF_CONCEALED + 2 * 5;
const OF_SUBJECT: i32 = OF_ACTION + 2 * 2;
/// The stack's height between two questions.
pub const BOTTOM: i32 = OF_SUBJECT + 2 * 3;

impl Engine {
    /// Puts on the stack what stays at its bottom.
    pub fn prepare(&mut self) -> bool {
        for name in ["Action", "Subject"] {
            if !self.heap.global(name) {
                return false;
            }
            self.heap.property(-1, "prototype");
            self.heap.replace(-2);
        }
        let mut done = true;
        for (name, push) in CONCEALED {
            self.push_probe("concealed");
            self.heap.push_text(name);
            push(&mut self.heap);
            done = done && self.heap.call(2) && self.setter(name);
        }
        for (name, made) in ACTION_METHODS.into_iter().chain(SUBJECT_METHODS) {
            self.push_probe("method");
            self.heap.push_text(name);
            self.heap.push_text(made);
            done = done && self.heap.call(2) && self.setter(name);
        }
        done
    }

    fn setter(&mut self, name: &str) -> bool {
        self.push_probe("setter");
        self.heap.push_text(name);
        self.heap.call(1)
    }

    /// As polkitd's check_authorization_sync: the stack is `polkit`, the name of the method, action, subject.
    pub fn ask(&mut self, mut ask: Ask) -> Told {
        host::begin(Notes {
            programs: std::mem::take(&mut ask.programs),
            netgroups: ask.netgroups.take(),
            ..Notes::default()
        });
        self.heap.set_top(BOTTOM);
        let (end, rule) = match self.run(&ask) {
            // None of them answered.
            Ok(End::Nothing) => (End::Nothing, None),
            Ok(end) => (end, self.ran()),
            Err(message) => (End::Kills(message), None),
        };
        self.heap.set_top(BOTTOM);
        Told { end, rule, unknown: host::begin(Notes::default()).unknown }
    }

    /// An error is one that ends polkitd.
    fn run(&mut self, ask: &Ask) -> Result<End, String> {
        if !self.heap.global("polkit") {
            return Ok(End::Threw("there is no global `polkit` any more".to_owned(), None));
        }
        self.heap.push_text("_runRules");
        if !self.make("Action", ACTION, &ACTION_METHODS, OF_ACTION)? {
            return Ok(End::Threw("there is no global `Action` any more".to_owned(), None));
        }
        self.fill_action(ask);
        if !self.make("Subject", SUBJECT, &SUBJECT_METHODS, OF_SUBJECT)? {
            return Ok(End::Threw("there is no global `Subject` any more".to_owned(), None));
        }
        self.fill_subject(ask);
        if !self.heap.call_method(BOTTOM, 2) {
            let message = short(&self.heap.describe(-1));
            return Ok(End::Threw(message, self.line_of_error()));
        }
        match self.heap.get(-1) {
            Value::Null => Ok(End::Nothing),
            // polkitd takes it as a C string.
            Value::Text(bytes) => Ok(End::Text(short(bytes.split(|byte| *byte == 0).next().unwrap_or_default()))),
            Value::Other => Err(format!("string required, found {}", short(&self.heap.describe(-1)))),
        }
    }

    /// Pushes an action or a subject, as it is made; an error ends polkitd. False if there is nothing to make it with.
    fn make(
        &mut self,
        constructor: &str,
        prototype: i32,
        methods: &[(&str, &str)],
        accessors: i32,
    ) -> Result<bool, String> {
        if self.plain {
            self.heap.push_object(prototype);
            for (place, (name, _)) in (accessors..).step_by(2).zip(methods) {
                self.heap.put_accessors(-1, name, place);
            }
            return Ok(true);
        }
        if !self.heap.global(constructor) {
            return Ok(false);
        }
        if self.heap.construct() { Ok(true) } else { Err(short(&self.heap.describe(-1))) }
    }

    fn fill_action(&mut self, ask: &Ask) {
        self.heap.push_text(&ask.action);
        self.heap.put(-2, "id");
        for (key, value) in &ask.details {
            self.heap.push_text(value);
            self.heap.put(-2, &format!("_detail_{key}"));
        }
    }

    /// The properties in polkitd's own order, which `for … in` and toString() show.
    fn fill_subject(&mut self, ask: &Ask) {
        // polkitd gives it as a signed number of 32 bits.
        match ask.uid.map(u32::cast_signed) {
            _ if !ask.has_uid => {}
            Some(uid) => {
                self.heap.push_number(uid);
                self.heap.put(-2, "uid");
            }
            None => self.conceal("uid"),
        }
        self.conceal("pid");
        self.heap.push_text(&ask.user);
        self.heap.put(-2, "user");
        self.heap.push_texts(&ask.groups);
        self.heap.put(-2, "groups");
        for (name, known) in [("seat", !ask.local), ("session", !ask.in_session)] {
            if !known {
                self.conceal(name);
            } else {
                self.heap.push_null();
                self.heap.put(-2, name);
            }
        }
        match &ask.unit {
            _ if !ask.has_unit => {}
            None => self.conceal("system_unit"),
            Some(Some(unit)) => {
                self.heap.push_text(unit);
                self.heap.put(-2, "system_unit");
            }
            Some(None) => {
                self.heap.push_null();
                self.heap.put(-2, "system_unit");
            }
        }
        self.heap.push_bool(ask.local);
        self.heap.put(-2, "local");
        self.heap.push_bool(ask.active);
        self.heap.put(-2, "active");
    }

    /// Gives the subject on top of the stack a property that is noticed when it is read.
    fn conceal(&mut self, name: &str) {
        let all = (OF_CONCEALED..).step_by(2).zip(CONCEALED);
        let Some((place, (_, push))) = all.into_iter().find(|(_, (known, _))| *known == name) else { return };
        if self.heap.has(-1, name) {
            // A rules file gave one to all objects, or to this one: what becomes of polkitd's cannot be told.
            host::unknown(&format!("subject.{name}"));
            push(&mut self.heap);
            self.heap.put(-2, name);
        } else {
            self.heap.put_accessors(-1, name, place);
        }
    }
}
