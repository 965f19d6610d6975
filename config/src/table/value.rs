//! TOML values that do not borrow from the text.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Value,
    pub(super) span: Range<usize>,
}

/// A TOML value.
#[derive(Debug)]
pub(super) enum Value {
    String(String),
    /// `None` if the number does not fit.
    Integer(Option<i64>),
    Float,
    Boolean(bool),
    /// The date as written.
    Date(String),
    List(Vec<(Range<usize>, Value)>),
    Table(Vec<Entry>),
}

impl Value {
    /// Recurses to the nesting depth that the parser allows, which is 80.
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
