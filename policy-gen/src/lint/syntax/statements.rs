//! Parses statements.

use super::lexer::Lexeme;
use super::{Context, Expression, Parsed, Parser, Statement};

impl Parser<'_> {
    /// Parses a statement.
    pub(super) fn statement(&mut self) -> Parsed<Statement> {
        self.nested(Self::any_statement)
    }

    fn any_statement(&mut self) -> Parsed<Statement> {
        let word = match self.ahead.lexeme {
            Lexeme::Word(word) => word,
            Lexeme::Sign("{") => return self.block().map(Statement::Block),
            Lexeme::Sign(";") => {
                self.advance(true);
                return Ok(Statement::Other);
            }
            _ => "",
        };
        match word {
            "var" | "const" => {
                self.advance(false);
                let declared = self.declarations()?;
                self.end_of_statement()?;
                Ok(Statement::Declaration(declared))
            }
            "function" => {
                self.advance(false);
                let function = self.function()?;
                self.declared.extend(function.name.clone());
                // After a declaration a slash starts a regular expression.
                self.reread();
                Ok(Statement::Function(function))
            }
            "return" => self.returned(),
            "if" => self.branches(),
            "for" => self.for_loop(),
            "while" => {
                self.advance(false);
                let condition = self.condition()?;
                Ok(Statement::Loop(Some(condition), Vec::new(), self.body()?))
            }
            "do" => {
                self.advance(true);
                let body = self.body()?;
                if !self.is_word("while") {
                    return self.unexpected(Context::Sign("while"));
                }
                self.advance(false);
                let condition = self.condition()?;
                self.take_if(";");
                Ok(Statement::Loop(Some(condition), Vec::new(), body))
            }
            "switch" => self.switch(),
            "throw" => {
                self.advance(true);
                let thrown = self.expression()?;
                self.end_of_statement()?;
                Ok(Statement::Throw(thrown))
            }
            "try" => self.guarded(),
            "break" | "continue" | "debugger" => {
                self.advance(false);
                if matches!(self.ahead.lexeme, Lexeme::Word(_)) && !self.ahead.on_new_line {
                    self.advance(false);
                }
                self.end_of_statement()?;
                Ok(Statement::Other)
            }
            _ => {
                let expression = self.expression()?;
                if self.is_sign(":") {
                    // A label.
                    self.advance(true);
                    return self.statement();
                }
                self.end_of_statement()?;
                Ok(Statement::Expression(expression))
            }
        }
    }

    /// Reads the next lexeme again where a statement starts.
    fn reread(&mut self) {
        self.ahead = super::lexer::next(self.source, self.end, true);
    }

    fn end_of_statement(&mut self) -> Parsed<()> {
        if self.take_if(";") {
            return Ok(());
        }
        if self.is_sign("}") || self.ahead.lexeme == Lexeme::End || self.ahead.on_new_line {
            self.reread();
            return Ok(());
        }
        self.unexpected(Context::StatementEnd)
    }

    /// Parses statements in braces.
    pub(super) fn block(&mut self) -> Parsed<Vec<Statement>> {
        let open = self.take("{", Context::Sign("{"))?;
        let mut statements = Vec::new();
        while !self.is_sign("}") {
            if self.ahead.lexeme == Lexeme::End {
                return self.unexpected(Context::BlockEnd(open));
            }
            statements.push(self.statement()?);
        }
        self.advance(true);
        Ok(statements)
    }

    /// Parses the statement or block of a branch or loop.
    fn body(&mut self) -> Parsed<Vec<Statement>> {
        if self.is_sign("{") { self.nested(Self::block) } else { Ok(vec![self.statement()?]) }
    }

    fn condition(&mut self) -> Parsed<Expression> {
        let open = self.take("(", Context::ConditionStart)?;
        let condition = self.expression()?;
        self.take(")", Context::ConditionEnd(open))?;
        let is_statement_start = match &self.ahead.lexeme {
            Lexeme::Sign(sign) => matches!(*sign, "{" | "(" | "[" | ";" | "!" | "+" | "-" | "++" | "--" | "~"),
            Lexeme::Word(word) => !matches!(*word, "and" | "or" | "in" | "instanceof"),
            Lexeme::End => false,
            _ => true,
        };
        if is_statement_start { Ok(condition) } else { self.unexpected(Context::AfterCondition(self.end)) }
    }

    fn branches(&mut self) -> Parsed<Statement> {
        let mut branches = Vec::new();
        loop {
            self.advance(false);
            let condition = self.condition()?;
            branches.push((condition, self.body()?));
            if !self.is_word("else") {
                return Ok(Statement::If(branches, None));
            }
            self.advance(true);
            if !self.is_word("if") {
                return Ok(Statement::If(branches, Some(self.body()?)));
            }
        }
    }

    fn returned(&mut self) -> Parsed<Statement> {
        self.advance(true);
        let ends = self.is_sign(";") || self.is_sign("}") || self.ahead.lexeme == Lexeme::End;
        let value = if ends || self.ahead.on_new_line { None } else { Some(self.expression()?) };
        self.end_of_statement()?;
        Ok(Statement::Return(value))
    }

    fn declarations(&mut self) -> Parsed<Vec<(String, Option<Expression>)>> {
        let mut declared = Vec::new();
        loop {
            let name = self.name()?;
            self.declared.push(name.clone());
            let value = if self.take_if("=") { Some(self.assignment()?) } else { None };
            declared.push((name, value));
            if !self.take_if(",") {
                return Ok(declared);
            }
        }
    }

    fn for_loop(&mut self) -> Parsed<Statement> {
        self.advance(false);
        let open = self.take("(", Context::ConditionStart)?;
        let mut parts = Vec::new();
        self.no_in = true;
        if self.is_word("var") || self.is_word("const") {
            self.advance(false);
            parts.extend(self.declarations()?.into_iter().filter_map(|(_, value)| value));
        } else if !self.is_sign(";") {
            parts.push(self.expression()?);
        }
        self.no_in = false;
        if self.is_word("in") {
            self.advance(true);
            let object = self.expression()?;
            self.take(")", Context::ConditionEnd(open))?;
            return Ok(Statement::Each(parts, object, self.body()?));
        }
        self.take(";", Context::Sign(";"))?;
        let condition = if self.is_sign(";") { None } else { Some(self.expression()?) };
        self.take(";", Context::Sign(";"))?;
        if !self.is_sign(")") {
            parts.push(self.expression()?);
        }
        self.take(")", Context::ConditionEnd(open))?;
        Ok(Statement::Loop(condition, parts, self.body()?))
    }

    fn switch(&mut self) -> Parsed<Statement> {
        self.advance(false);
        let value = self.condition()?;
        let open = self.take("{", Context::Sign("{"))?;
        let mut cases = Vec::new();
        while !self.take_if("}") {
            let case = if self.is_word("case") {
                self.advance(true);
                Some(self.expression()?)
            } else if self.is_word("default") {
                self.advance(false);
                None
            } else {
                return self.unexpected(Context::BlockEnd(open));
            };
            self.take(":", Context::Sign(":"))?;
            let mut body = Vec::new();
            while !self.is_word("case") && !self.is_word("default") && !self.is_sign("}") {
                if self.ahead.lexeme == Lexeme::End {
                    return self.unexpected(Context::BlockEnd(open));
                }
                body.push(self.statement()?);
            }
            cases.push((case, body));
        }
        Ok(Statement::Switch(value, cases))
    }

    fn guarded(&mut self) -> Parsed<Statement> {
        self.advance(false);
        let mut blocks = vec![self.block()?];
        if self.is_word("catch") {
            self.advance(false);
            let open = self.take("(", Context::Sign("("))?;
            let caught = self.name()?;
            self.declared.push(caught);
            self.take(")", Context::List('(', open, self.end))?;
            blocks.push(self.block()?);
        }
        if self.is_word("finally") {
            self.advance(false);
            blocks.push(self.block()?);
        }
        Ok(Statement::Try(blocks))
    }
}
