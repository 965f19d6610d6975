//! Parses expressions.

use super::lexer::Lexeme;
use super::{Context, Expression, Function, Kind, Parsed, Parser};

/// The precedences of binary operators besides `&&` and `||`, from the lowest.
const LEVELS: [&[&str]; 8] = [
    &["|"],
    &["^"],
    &["&"],
    &["==", "!=", "===", "!=="],
    &["<", ">", "<=", ">=", "instanceof", "in"],
    &["<<", ">>", ">>>"],
    &["+", "-"],
    &["*", "/", "%", "**"],
];
const ASSIGNMENTS: [&str; 13] = ["=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", ">>>=", "&=", "|=", "^=", "**="];
const PREFIXES: [&str; 6] = ["!", "~", "+", "-", "++", "--"];
const WORDS: [&str; 3] = ["typeof", "void", "delete"];

impl Parser<'_> {
    /// Parses an expression with commas.
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        let first = self.assignment()?;
        if !self.is_sign(",") {
            return Ok(first);
        }
        let start = first.span.start;
        let mut all = vec![first];
        while self.take_if(",") {
            all.push(self.assignment()?);
        }
        Ok(self.made(start, Kind::Sequence(all)))
    }

    fn made(&self, start: usize, kind: Kind) -> Expression {
        Expression { kind, span: start..self.end, grouped: false }
    }

    /// Parses an expression without commas.
    pub(super) fn assignment(&mut self) -> Parsed<Expression> {
        self.nested(|parser| {
            let start = parser.ahead.span.start;
            let left = parser.conditional()?;
            let Lexeme::Sign(sign) = parser.ahead.lexeme else { return Ok(left) };
            if !ASSIGNMENTS.contains(&sign) {
                return Ok(left);
            }
            parser.advance(true);
            let right = parser.assignment()?;
            Ok(parser.made(start, Kind::Assign(sign, Box::new(left), Box::new(right))))
        })
    }

    fn conditional(&mut self) -> Parsed<Expression> {
        let start = self.ahead.span.start;
        let condition = self.any_of()?;
        if !self.take_if("?") {
            return Ok(condition);
        }
        let outside = std::mem::replace(&mut self.no_in, false);
        let one = self.assignment()?;
        self.no_in = outside;
        self.take(":", Context::Sign(":"))?;
        let other = self.assignment()?;
        Ok(self.made(start, Kind::Conditional(Box::new([condition, one, other]))))
    }

    fn any_of(&mut self) -> Parsed<Expression> {
        self.joined("||", Kind::Or, |parser| parser.joined("&&", Kind::And, |parser| parser.binary(0)))
    }

    fn joined(
        &mut self,
        sign: &str,
        kind: fn(Vec<Expression>) -> Kind,
        operand: fn(&mut Self) -> Parsed<Expression>,
    ) -> Parsed<Expression> {
        let start = self.ahead.span.start;
        let first = operand(self)?;
        if !self.is_sign(sign) {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.take_if(sign) {
            operands.push(operand(self)?);
        }
        Ok(self.made(start, kind(operands)))
    }

    /// Parses operands with operators of at least this precedence.
    fn binary(&mut self, lowest: usize) -> Parsed<Expression> {
        let start = self.ahead.span.start;
        let mut left = self.unary()?;
        // The precedence of the operators in `left`.
        let mut joined_by = None;
        while let Some((level, sign)) = self.operator().filter(|(level, _)| *level >= lowest) {
            self.advance(true);
            let right = self.binary(level + 1)?;
            match &mut left.kind {
                Kind::Binary(operands, signs) if joined_by == Some(level) => {
                    operands.push(right);
                    signs.push(sign);
                    left.span.end = self.end;
                }
                _ => left = self.made(start, Kind::Binary(vec![left, right], vec![sign])),
            }
            joined_by = Some(level);
        }
        Ok(left)
    }

    /// Returns the next operator and its precedence.
    fn operator(&self) -> Option<(usize, &'static str)> {
        let found = match &self.ahead.lexeme {
            Lexeme::Sign(sign) => *sign,
            Lexeme::Word(word) if *word != "in" || !self.no_in => *word,
            _ => return None,
        };
        let level = |(level, signs): (usize, &&'static [&'static str])| {
            signs.iter().copied().find(|sign| *sign == found).map(|sign| (level, sign))
        };
        LEVELS.iter().enumerate().find_map(level)
    }

    fn unary(&mut self) -> Parsed<Expression> {
        let start = self.ahead.span.start;
        let prefix = match &self.ahead.lexeme {
            Lexeme::Sign(sign) => PREFIXES.into_iter().find(|prefix| prefix == sign),
            Lexeme::Word(word) => WORDS.into_iter().find(|prefix| prefix == word),
            _ => None,
        };
        if let Some(prefix) = prefix {
            self.advance(true);
            let operand = self.nested(Self::unary)?;
            return Ok(self.made(start, Kind::Unary(prefix, Box::new(operand))));
        }
        let operand = self.postfix()?;
        if (self.is_sign("++") || self.is_sign("--")) && !self.ahead.on_new_line {
            self.advance(false);
            return Ok(self.made(start, Kind::Unary("++", Box::new(operand))));
        }
        Ok(operand)
    }

    /// Parses a value with its calls and properties.
    fn postfix(&mut self) -> Parsed<Expression> {
        let start = self.ahead.span.start;
        let mut value = if self.is_word("new") { self.new_object()? } else { self.primary()? };
        for _ in 0..super::DEPTH_MAX {
            let kind = if self.is_sign(".") {
                self.advance(false);
                Kind::Member(Box::new(value), self.property_name()?)
            } else if self.is_sign("[") {
                let open = self.advance(true);
                let key = self.inside(Self::expression)?;
                self.close("]", '[', open)?;
                Kind::Index(Box::new(value), Box::new(key))
            } else if self.is_sign("(") {
                Kind::Call(Box::new(value), self.list("(", ")", '(')?)
            } else {
                return Ok(value);
            };
            value = self.made(start, kind);
        }
        self.unexpected(Context::Depth)
    }

    /// Parses an expression in brackets, where `in` is an operator.
    fn inside(&mut self, parse: fn(&mut Self) -> Parsed<Expression>) -> Parsed<Expression> {
        let outside = std::mem::replace(&mut self.no_in, false);
        let parsed = parse(self);
        self.no_in = outside;
        parsed
    }

    /// Takes a closing bracket, after which an operator follows.
    fn close(&mut self, sign: &str, bracket: char, open: usize) -> Parsed<()> {
        if !self.is_sign(sign) {
            return self.unexpected(Context::List(bracket, open, self.end));
        }
        self.advance(false);
        Ok(())
    }

    fn new_object(&mut self) -> Parsed<Expression> {
        let start = self.advance(true);
        let class = self.nested(Self::postfix)?;
        Ok(self.made(start, Kind::New(Box::new(class))))
    }

    fn property_name(&mut self) -> Parsed<String> {
        let Lexeme::Word(word) = self.ahead.lexeme else { return self.unexpected(Context::Name) };
        self.advance(false);
        Ok(word.to_owned())
    }

    /// Parses a list in brackets, in which a trailing comma is valid in arrays and objects.
    fn list(&mut self, open: &'static str, close: &str, bracket: char) -> Parsed<Vec<Expression>> {
        let outside = std::mem::replace(&mut self.no_in, false);
        let start = self.take(open, Context::Value)?;
        let mut items = Vec::new();
        while !self.is_sign(close) {
            if bracket == '[' && self.take_if(",") {
                continue;
            }
            items.push(self.assignment()?);
            if !self.is_sign(close) {
                self.take(",", Context::List(bracket, start, self.end))?;
                if bracket == '(' && self.is_sign(close) {
                    return self.unexpected(Context::Value);
                }
            }
        }
        self.no_in = outside;
        self.advance(false);
        Ok(items)
    }

    fn primary(&mut self) -> Parsed<Expression> {
        let start = self.ahead.span.start;
        let kind = match &self.ahead.lexeme {
            Lexeme::Text(text) => Kind::Text(text.clone().into_owned()),
            Lexeme::Number => Kind::Number,
            Lexeme::Regex => Kind::Regex,
            Lexeme::Word("function") => {
                self.advance(false);
                let function = self.function()?;
                return Ok(self.made(start, Kind::Function(function)));
            }
            Lexeme::Word(word) if !is_value_keyword(word) && super::is_keyword(word) => {
                return self.unexpected(Context::Value);
            }
            Lexeme::Word(word) => Kind::Name((*word).to_owned()),
            Lexeme::Sign("(") => {
                self.advance(true);
                let mut inner = self.inside(Self::expression)?;
                self.close(")", '(', start)?;
                inner.grouped = true;
                return Ok(inner);
            }
            Lexeme::Sign("[") => {
                let items = self.list("[", "]", '[')?;
                return Ok(self.made(start, Kind::Array(items)));
            }
            Lexeme::Sign("{") => return self.object(),
            _ => return self.unexpected(Context::Value),
        };
        self.advance(false);
        Ok(self.made(start, kind))
    }

    fn object(&mut self) -> Parsed<Expression> {
        let outside = std::mem::replace(&mut self.no_in, false);
        let start = self.advance(false);
        let mut properties = Vec::new();
        while !self.is_sign("}") {
            let key = match &self.ahead.lexeme {
                Lexeme::Word(key) => (*key).to_owned(),
                Lexeme::Text(key) => key.clone().into_owned(),
                Lexeme::Number => String::new(),
                _ => return self.unexpected(Context::Name),
            };
            self.advance(false);
            self.take(":", Context::Sign(":"))?;
            properties.push((key, self.assignment()?));
            if !self.is_sign("}") {
                self.take(",", Context::List('{', start, self.end))?;
            }
        }
        self.no_in = outside;
        self.advance(false);
        Ok(self.made(start, Kind::Object(properties)))
    }

    /// Parses a function after its keyword.
    pub(super) fn function(&mut self) -> Parsed<Function> {
        let name = if self.is_sign("(") { None } else { Some(self.name()?) };
        let open = self.take("(", Context::Sign("("))?;
        let mut parameters = Vec::new();
        while !self.is_sign(")") {
            parameters.push(self.name()?);
            if !self.is_sign(")") {
                self.take(",", Context::List('(', open, self.end))?;
            }
        }
        self.advance(true);
        let outside = std::mem::replace(&mut self.no_in, false);
        let declared_outside = std::mem::take(&mut self.declared);
        let body = self.nested(Self::block)?;
        self.no_in = outside;
        let declared = std::mem::replace(&mut self.declared, declared_outside);
        Ok(Function { name, parameters, body, declared })
    }
}

fn is_value_keyword(word: &str) -> bool {
    matches!(word, "this" | "true" | "false" | "null")
}
