//! Which variables outlive a request: those of the file, and those of a function that only runs when the file is loaded.

use crate::lint::syntax::Function;

/// The functions around a place, the outer first.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    all: Vec<Scope>,
    /// Whether the next function is called where it stands.
    is_called: bool,
}

#[derive(Debug)]
struct Scope {
    names: Vec<String>,
    /// Whether the function runs when the file is loaded, and not for each request.
    runs_at_load: bool,
}

impl Scopes {
    /// Says whether the next function is called where it stands. Returns what was said before.
    pub(super) fn calls_next(&mut self, is_called: bool) -> bool {
        std::mem::replace(&mut self.is_called, is_called)
    }

    /// Restores what [`Scopes::calls_next`] returned.
    pub(super) fn restore(&mut self, is_called: bool) {
        self.is_called = is_called;
    }

    pub(super) fn enter(&mut self, function: &Function) {
        let outer_runs_at_load = self.all.iter().all(|scope| scope.runs_at_load);
        let runs_at_load = std::mem::take(&mut self.is_called) && outer_runs_at_load;
        let names = function.name.iter().chain(&function.parameters).chain(&function.declared).cloned().collect();
        self.all.push(Scope { names, runs_at_load });
    }

    pub(super) fn leave(&mut self) {
        self.all.pop();
    }

    /// Whether a variable keeps its value from one request to the next.
    pub(super) fn outlives_request(&self, name: &str) -> bool {
        let declared = self.all.iter().rev().find(|scope| scope.names.iter().any(|known| known == name));
        declared.is_none_or(|scope| scope.runs_at_load)
    }
}
