//! A request to the rules, with its action and subject objects.
//!
//! polkitd creates these objects with constructors, which rules files may replace, and with methods of their own. If no file can notice
//! the difference, this module creates them without the constructors, and a method only on its first use. This saves up to a fifth of
//! the time of a request.

use polkit_policy_gen::explore::assignment::Assignment;
use polkit_policy_gen::verdict::wire::{End, EngineReply, EngineRequest};

use super::{Engine, OPEN, short};
use crate::duktape::{Heap, Value};
use crate::host::{self, Notes};

/// Pushes a value.
type Push = fn(&mut Heap);
/// The subject's properties with possibly unknown values, and the substitutes for rules that read them.
const CONCEALED: [(&str, Push); CONCEALED_COUNT] = [
    ("uid", |heap| heap.push_number(2)),
    ("pid", |heap| heap.push_number(2)),
    ("seat", |heap| heap.push_text("seat0")),
    ("session", |heap| heap.push_text("1")),
    ("system_unit", Heap::push_null),
    ("no_new_privileges", |heap| heap.push_bool(false)),
];
const CONCEALED_COUNT: usize = 6;
/// The methods, with the functions that make them.
const ACTION_METHODS: [(&str, &str); 2] = [("lookup", "lookup"), ("toString", "describeAction")];
const SUBJECT_METHODS: [(&str, &str); 3] =
    [("isInGroup", "isInGroup"), ("isInNetGroup", "isInNetGroup"), ("toString", "describeSubject")];
// The bottom of the stack, which remains: the prototypes of both kinds of objects, then a getter and a setter for each of these.
const ACTION: i32 = 0;
const SUBJECT: i32 = 1;
const OF_CONCEALED: i32 = 2;
const OF_ACTION: i32 = OF_CONCEALED + 2 * 6;
const OF_SUBJECT: i32 = OF_ACTION + 2 * 2;
/// The height of the stack between two requests.
pub const BOTTOM: i32 = OF_SUBJECT + 2 * 3;

impl Engine {
    /// Pushes the values at the bottom of the stack.
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

    /// Runs the rules as polkitd's check_authorization_sync does. The stack is `polkit`, the method name, action, subject.
    pub fn ask(&mut self, mut ask: EngineRequest) -> EngineReply {
        host::begin(Notes {
            programs: std::mem::take(&mut ask.programs),
            netgroups: ask.netgroups.take(),
            ..Notes::default()
        });
        self.heap.set_top(BOTTOM);
        let (end, rule) = match self.run(&ask) {
            // No rule had a result.
            Ok(End::Nothing) => (End::Nothing, None),
            Ok(end) => (end, self.ran()),
            Err(message) => (End::Kills(message), None),
        };
        self.heap.set_top(BOTTOM);
        host::begin(Notes::default()).reply(end, rule)
    }

    /// Runs the rules for an action and open facts.
    pub fn explore(&mut self, mut ask: EngineRequest) -> EngineReply {
        host::begin(Notes {
            programs: std::mem::take(&mut ask.programs),
            open: ask.open.take().map(Assignment::new),
            groups: std::mem::take(&mut ask.groups),
            ..Notes::default()
        });
        self.heap.set_top(BOTTOM);
        self.push_function(OPEN, "run");
        self.heap.push_text(&ask.action);
        self.heap.push_bool(ask.has_uid);
        self.heap.push_bool(ask.has_unit);
        let numbers = ask.only.iter().flatten().map(usize::to_string).collect::<Vec<_>>().join(",");
        match ask.only {
            _ if ask.sifts => self.heap.push_bool(true),
            Some(_) => self.heap.push_text(&numbers),
            None => self.heap.push_null(),
        }
        let end = if self.heap.call(4) {
            self.end().unwrap_or_else(End::Kills)
        } else {
            let message = short(&self.heap.describe(-1));
            End::Threw(message, None)
        };
        self.heap.set_top(BOTTOM);
        host::begin(Notes::default()).reply(end, None)
    }

    /// Runs the rules. An error means that polkitd would end.
    fn run(&mut self, ask: &EngineRequest) -> Result<End, String> {
        if !self.heap.global("polkit") {
            return Ok(End::Threw("the global `polkit` has been removed".to_owned(), None));
        }
        self.heap.push_text("_runRules");
        if !self.make("Action", ACTION, &ACTION_METHODS, OF_ACTION)? {
            return Ok(End::Threw("the global `Action` has been removed".to_owned(), None));
        }
        self.fill_action(ask);
        if !self.make("Subject", SUBJECT, &SUBJECT_METHODS, OF_SUBJECT)? {
            return Ok(End::Threw("the global `Subject` has been removed".to_owned(), None));
        }
        self.fill_subject(ask);
        if !self.heap.call_method(BOTTOM, 2) {
            let message = short(&self.heap.describe(-1));
            return Ok(End::Threw(message, self.line_of_error()));
        }
        self.end()
    }

    /// Returns the end of a run from the value on top of the stack.
    fn end(&mut self) -> Result<End, String> {
        match self.heap.get(-1) {
            Value::Null => Ok(End::Nothing),
            // polkitd reads the value as a C string.
            Value::Text(bytes) => Ok(End::Text(short(bytes.split(|byte| *byte == 0).next().unwrap_or_default()))),
            Value::Other => Err(format!("string required, found {}", short(&self.heap.describe(-1)))),
        }
    }

    /// Pushes a new action or subject. An error means that polkitd would end. Returns false if the constructor does not exist.
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
                self.heap.put_accessors(-1, name, place, true);
            }
            return Ok(true);
        }
        if !self.heap.global(constructor) {
            return Ok(false);
        }
        if self.heap.construct() { Ok(true) } else { Err(short(&self.heap.describe(-1))) }
    }

    fn fill_action(&mut self, ask: &EngineRequest) {
        self.heap.push_text(&ask.action);
        self.heap.put(-2, "id");
        for (key, value) in &ask.details {
            self.heap.push_text(value);
            self.heap.put(-2, &format!("_detail_{key}"));
        }
    }

    /// Sets the properties in polkitd's order, which `for … in` and toString() show.
    fn fill_subject(&mut self, ask: &EngineRequest) {
        // polkitd passes the uid as a signed 32-bit number.
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
        for (name, exists, text) in [("seat", ask.local, &ask.seat), ("session", ask.in_session, &ask.session)] {
            match text {
                Some(text) if exists => self.heap.push_text(text),
                None if exists => {
                    self.conceal(name);
                    continue;
                }
                _ => self.heap.push_null(),
            }
            self.heap.put(-2, name);
        }
        match &ask.unit {
            _ if !ask.has_unit => {}
            None => {
                self.conceal("system_unit");
                // It exists only with a unit, so a loop over the properties does not show it.
                self.conceal_as("no_new_privileges", false);
            }
            Some(Some(unit)) => {
                self.heap.push_text(unit);
                self.heap.put(-2, "system_unit");
                match ask.no_new_privileges {
                    Some(is_set) => {
                        self.heap.push_bool(is_set);
                        self.heap.put(-2, "no_new_privileges");
                    }
                    None => self.conceal("no_new_privileges"),
                }
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

    /// Adds a property to the subject on top of the stack whose use is noticed.
    fn conceal(&mut self, name: &str) {
        self.conceal_as(name, true);
    }

    fn conceal_as(&mut self, name: &str, is_enumerable: bool) {
        let all = (OF_CONCEALED..).step_by(2).zip(CONCEALED);
        let Some((place, (_, push))) = all.into_iter().find(|(_, (known, _))| *known == name) else { return };
        if self.heap.has(-1, name) {
            // A rules file added this property to all objects or to this one, so the value in polkitd is unknown.
            host::unknown(&format!("subject.{name}"));
            push(&mut self.heap);
            self.heap.put(-2, name);
        } else {
            self.heap.put_accessors(-1, name, place, is_enumerable);
        }
    }
}
