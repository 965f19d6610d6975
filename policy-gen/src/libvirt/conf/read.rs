//! Parses libvirtd.conf and similar files as src/util/virconf.c does.

use std::ops::Range;

use super::Value;

/// An assignment.
pub(super) struct Setting<'a> {
    pub name: &'a str,
    pub value: Value,
    /// The lines of the assignment, with the line break.
    pub span: Range<usize>,
    pub line: usize,
}

/// Returns the assignment of a key.
///
/// # Errors
/// The key is set twice: libvirt could use the assignment that is not edited.
pub(super) fn only<'a, 'b>(entries: &'a [Setting<'b>], key: &str) -> Result<Option<&'a Setting<'b>>, String> {
    let mut of_key = entries.iter().filter(|entry| entry.name == key);
    match (of_key.next(), of_key.next()) {
        (Some(first), Some(second)) => {
            Err(format!("`{key}` is set twice, in the lines {} and {}: remove one of them", first.line, second.line))
        }
        (first, _) => Ok(first),
    }
}

/// Returns all assignments in order.
///
/// # Errors
/// The line that libvirt could not parse.
pub(super) fn entries(text: &str) -> Result<Vec<Setting<'_>>, String> {
    let mut reader = Reader { text, at: 0 };
    let mut entries = Vec::new();
    loop {
        reader.skip_blanks_and_lines();
        let start = reader.at;
        let number = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        let Some(next) = reader.peek() else { return Ok(entries) };
        if next == '#' {
            reader.skip_line();
            continue;
        }
        let begin = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let (name, value) = reader.assignment().ok_or_else(|| format!("libvirt could not parse line {number}"))?;
        entries.push(Setting { name, value, span: begin..reader.at, line: number });
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.skip(|c| matches!(c, ' ' | '\t'));
    }

    fn skip_blanks_and_lines(&mut self) {
        self.skip(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
    }

    /// Moves to the start of the next line.
    fn skip_line(&mut self) {
        self.skip(|c| c != '\n');
        self.at += usize::from(self.peek().is_some());
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.rest().starts_with(token).then(|| self.at += token.len())
    }

    fn until(&mut self, end: &str) -> Option<String> {
        let rest = self.rest();
        let at = rest.find(end)?;
        self.at += at + end.len();
        rest.get(..at).map(str::to_owned)
    }

    fn assignment(&mut self) -> Option<(&'a str, Value)> {
        let name = self.skip(|c| c.is_ascii_alphanumeric() || c == '_');
        self.skip_blanks();
        self.take("=")?;
        self.skip_blanks();
        let value = self.value()?;
        self.skip_blanks();
        if name.is_empty() || !matches!(self.peek(), None | Some('#' | '\r' | '\n')) {
            return None;
        }
        self.skip_line();
        Some((name, value))
    }

    fn value(&mut self) -> Option<Value> {
        match self.peek()? {
            '[' => {
                self.take("[")?;
                let mut items = Vec::new();
                loop {
                    self.skip_blanks_and_lines();
                    if self.take("]").is_some() {
                        return Some(Value::List(items));
                    }
                    items.push(self.value()?);
                    self.skip_blanks_and_lines();
                    if self.peek()? != ']' {
                        self.take(",")?;
                    }
                }
            }
            '"' if self.take("\"\"\"").is_some() => self.until("\"\"\"").map(Value::Text),
            quote @ ('"' | '\'') => {
                self.at += 1;
                let text = self.until(if quote == '"' { "\"" } else { "'" })?;
                (!text.contains('\n')).then_some(Value::Text(text))
            }
            _ => {
                let digits = self.skip(|c| c.is_ascii_digit() || matches!(c, '-' | '+'));
                (!digits.is_empty()).then(|| Value::Number(digits.to_owned()))
            }
        }
    }
}
