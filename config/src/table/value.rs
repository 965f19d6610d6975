//! TOML's values, on their own.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Value,
    pub(super) span: Range<usize>,
}

/// A value that no longer borrows from the text.
#[derive(Debug)]
pub(super) enum Value {
    String(String),
    /// None where it does not fit.
    Integer(Option<i64>),
    Float,
    Boolean(bool),
    /// As TOML writes it.
    Date(String),
    List(Vec<(Range<usize>, Value)>),
    Table(Vec<Entry>),
}

impl Value {
    /// Recurses as deep as the parser allows a value to be nested, which is 80.
    fn new(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::String(text.to_string()),
            DeValue::Integer(digits) => Self::Integer(i64::from_str_radix(digits.as_str(), digits.radix()).ok()),
            DeValue::Float(_) => Self::Float,
            DeValue::Boolean(value) => Self::Boolean(*value),
            DeValue::Datetime(date) => Self::Date(date.to_string()),
            DeValue::Array(list) => {
                Self::List(list.iter().map(|item| (item.span(), Self::new(item.get_ref()))).collect())
            }
            DeValue::Table(table) => Self::Table(entries(table)),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

pub(super) fn entries(table: &DeTable<'_>) -> Vec<Entry> {
    let entry = table.iter().map(|(key, value)| Entry {
        key: key.get_ref().to_string(),
        key_span: key.span(),
        value: Value::new(value.get_ref()),
        span: value.span(),
    });
    entry.collect()
}
