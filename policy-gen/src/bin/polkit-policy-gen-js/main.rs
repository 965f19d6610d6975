//! `polkit-policy-gen-js`: runs polkit's rules for polkit-policy-gen, in the engine that polkitd itself uses.
//!
//! It is not a command for people: polkit-policy-gen starts it, and speaks with it over its standard input and output (see
//! `verdict::wire` in the library). It has no privileges, opens no file, and asks nobody anything.

mod confine;
mod duktape;
mod host;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::ExitCode;

use duktape::{Heap, Value};
use host::Notes;
use polkit_policy_gen::verdict::wire::{Ask, End, Loaded, Message, PROTOCOL, Told};

/// What a rules file finds when it is run.
const ENVIRONMENT: &str = include_str!("polkit.js");
/// Where the functions that [`ENVIRONMENT`] returns are kept.
const PROBE: &str = "probe";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some(PROTOCOL) {
        return fail("polkit-policy-gen-js is started by polkit-policy-gen (of the same version), not by hand");
    }
    if let Err(error) = confine::confine() {
        return fail(&format!("cannot give up what a rule must not have: {error}"));
    }
    let Some(mut engine) = Engine::new() else { return fail("the engine does not start") };
    match engine.serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("speaking with polkit-policy-gen: {error}")),
    }
}

fn fail(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{message}");
    ExitCode::from(3)
}

struct Engine(Heap);

impl Engine {
    fn new() -> Option<Self> {
        let mut heap = Heap::new()?;
        heap.push_stash();
        if !heap.evaluate(ENVIRONMENT.as_bytes()) {
            return None;
        }
        heap.push_host();
        let made = heap.call(1);
        heap.put(-2, PROBE);
        heap.set_top(0);
        made.then_some(Self(heap))
    }

    fn serve(&mut self) -> std::io::Result<()> {
        let mut input = BufReader::with_capacity(1 << 16, std::io::stdin().lock());
        let mut line = Vec::new();
        loop {
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            match serde_json::from_slice(&line)? {
                Message::Load(load) => {
                    let mut source = vec![0; load.bytes];
                    input.read_exact(&mut source)?;
                    host::say(&self.load(&source))?;
                }
                Message::Ask(ask) => host::say(&self.ask(ask))?,
            }
            // Nothing is held back while there is nothing more to be read.
            if input.buffer().is_empty() {
                host::flush()?;
            }
        }
    }

    fn load(&mut self, source: &[u8]) -> Loaded {
        host::begin(Notes::default());
        let done = self.0.evaluate(source);
        let error = (!done).then(|| short(&self.0.describe(-1)));
        let line = error.as_ref().and_then(|error| line_in(error).or_else(|| self.line_of_error()?.try_into().ok()));
        self.0.set_top(0);
        let notes = host::begin(Notes::default());
        Loaded { error, line: line.filter(|line| *line > 0), lines: notes.lines, unknown: notes.unknown }
    }

    /// As polkitd's check_authorization_sync: the stack is `polkit`, the name of the method, action, subject.
    fn ask(&mut self, mut ask: Ask) -> Told {
        host::begin(Notes {
            programs: std::mem::take(&mut ask.programs),
            netgroups: ask.netgroups.take(),
            ..Notes::default()
        });
        self.0.set_top(0);
        let (end, rule) = match self.run(&ask) {
            // None of them answered.
            Ok(End::Nothing) => (End::Nothing, None),
            Ok(end) => (end, self.ran()),
            Err(message) => (End::Kills(message), None),
        };
        self.0.set_top(0);
        Told { end, rule, unknown: host::begin(Notes::default()).unknown }
    }

    /// An error is one that ends polkitd.
    fn run(&mut self, ask: &Ask) -> Result<End, String> {
        if !self.0.global("polkit") {
            return Ok(End::Threw("there is no global `polkit` any more".to_owned(), None));
        }
        self.0.push_text("_runRules");
        for missing in ["Action", "Subject"] {
            if !self.0.global(missing) {
                return Ok(End::Threw(format!("there is no global `{missing}` any more"), None));
            }
            if !self.0.construct() {
                return Err(short(&self.0.describe(-1)));
            }
            if missing == "Action" { self.fill_action(ask) } else { self.fill_subject(ask) }
        }
        if !self.0.call_method(0, 2) {
            let message = short(&self.0.describe(-1));
            return Ok(End::Threw(message, self.line_of_error()));
        }
        match self.0.get(-1) {
            Value::Null => Ok(End::Nothing),
            // polkitd takes it as a C string.
            Value::Text(bytes) => Ok(End::Text(short(bytes.split(|byte| *byte == 0).next().unwrap_or_default()))),
            Value::Other => Err(format!("string required, found {}", short(&self.0.describe(-1)))),
        }
    }

    fn fill_action(&mut self, ask: &Ask) {
        self.0.push_text(&ask.action);
        self.0.put(-2, "id");
        for (key, value) in &ask.details {
            self.0.push_text(value);
            self.0.put(-2, &format!("_detail_{key}"));
        }
    }

    /// The properties in polkitd's own order, which `for … in` and toString() show.
    fn fill_subject(&mut self, ask: &Ask) {
        // polkitd gives it as a signed number of 32 bits.
        match ask.uid.map(u32::cast_signed) {
            _ if !ask.has_uid => {}
            Some(uid) => {
                self.0.push_number(uid);
                self.0.put(-2, "uid");
            }
            None => self.conceal("uid", |heap| heap.push_number(2)),
        }
        self.conceal("pid", |heap| heap.push_number(2));
        self.0.push_text(&ask.user);
        self.0.put(-2, "user");
        self.0.push_texts(&ask.groups);
        self.0.put(-2, "groups");
        for (name, value, known) in [("seat", "seat0", !ask.local), ("session", "1", !ask.in_session)] {
            if !known {
                self.conceal(name, |heap| heap.push_text(value));
            } else {
                self.0.push_null();
                self.0.put(-2, name);
            }
        }
        match &ask.unit {
            _ if !ask.has_unit => {}
            None => self.conceal("system_unit", Heap::push_null),
            Some(Some(unit)) => {
                self.0.push_text(unit);
                self.0.put(-2, "system_unit");
            }
            Some(None) => {
                self.0.push_null();
                self.0.put(-2, "system_unit");
            }
        }
        self.0.push_bool(ask.local);
        self.0.put(-2, "local");
        self.0.push_bool(ask.active);
        self.0.put(-2, "active");
    }

    /// Gives the subject on top of the stack a property that is noticed when it is read.
    fn conceal(&mut self, name: &str, push: impl FnOnce(&mut Heap)) {
        self.0.push_stash();
        self.0.property(-1, PROBE);
        self.0.property(-1, "conceal");
        self.0.dup(-4);
        self.0.push_text(name);
        push(&mut self.0);
        // Stack: …, subject, stash, probe, what it returned.
        let _ = self.0.call(3);
        self.0.set_top(-3);
    }

    /// The line of the error on top of the stack.
    fn line_of_error(&mut self) -> Option<u32> {
        self.0.push_stash();
        self.0.property(-1, PROBE);
        self.0.property(-1, "line");
        self.0.dup(-4);
        if self.0.call(1) { self.0.number(-1).and_then(|line| line.try_into().ok()) } else { None }
    }

    fn ran(&mut self) -> Option<usize> {
        self.0.push_stash();
        self.0.property(-1, PROBE);
        self.0.property(-1, "ran");
        if self.0.call(0) { self.0.number(-1).and_then(|number| number.try_into().ok()) } else { None }
    }
}

/// The line in what the compiler says: `… (line 3)`.
fn line_in(message: &str) -> Option<usize> {
    message.rsplit_once("(line ")?.1.split_once(')')?.0.parse().ok()
}

/// The beginning of a text: a rule may make it as long as it likes.
fn short(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(host::TEXT_MAX).collect()
}
