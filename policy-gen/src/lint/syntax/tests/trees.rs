//! The tree of a file, written with a bracket around each part.

use super::*;

/// Writes an expression: `<…>` is an expression that is in parentheses, `(…)` an operator with its operands.
fn written(one: &Expression) -> String {
    let all = |list: &[Expression], between: &str| list.iter().map(written).collect::<Vec<_>>().join(between);
    let text = match &one.kind {
        Kind::Name(name) => name.clone(),
        Kind::Text(text) => format!("'{text}'"),
        Kind::Number => "number".to_owned(),
        Kind::Regex => "regex".to_owned(),
        Kind::Array(items) => format!("[{}]", all(items, ", ")),
        Kind::Object(properties) => {
            let one = |(key, value): &(String, Expression)| format!("{key}: {}", written(value));
            format!("{{{}}}", properties.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Kind::Function(function) => function_of(function),
        Kind::Member(object, name) => format!("{}.{name}", written(object)),
        Kind::Index(object, key) => format!("{}[{}]", written(object), written(key)),
        Kind::Call(callee, arguments) => format!("{}({})", written(callee), all(arguments, ", ")),
        Kind::New(class) => format!("(new {})", written(class)),
        Kind::Unary(sign, operand) => format!("({sign} {})", written(operand)),
        Kind::Binary(operands, signs) => {
            let rest = operands.iter().skip(1).zip(signs);
            let rest: String = rest.map(|(operand, sign)| format!(" {sign} {}", written(operand))).collect();
            assert_eq!(operands.len(), signs.len() + 1);
            format!("({}{rest})", operands.first().map(written).unwrap_or_default())
        }
        Kind::And(operands) => format!("({})", all(operands, " && ")),
        Kind::Or(operands) => format!("({})", all(operands, " || ")),
        Kind::Assign(sign, left, right) => format!("({} {sign} {})", written(left), written(right)),
        Kind::Conditional(parts) => {
            let [condition, one, other] = &**parts;
            format!("({} ? {} : {})", written(condition), written(one), written(other))
        }
        Kind::Sequence(parts) => format!("({})", all(parts, ", ")),
    };
    if one.grouped { format!("<{text}>") } else { text }
}

fn function_of(function: &Function) -> String {
    let name = function.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    format!("function{name}({}) {{{}}}", function.parameters.join(", "), body(&function.body))
}

fn body(statements: &[Statement]) -> String {
    statements.iter().map(statement).collect::<Vec<_>>().join(" ")
}

fn statement(one: &Statement) -> String {
    let some = |value: &Option<Expression>| value.as_ref().map(written).unwrap_or_default();
    match one {
        Statement::Expression(value) => format!("{};", written(value)),
        Statement::Declaration(declared) => {
            let one = |(name, value): &(String, Option<Expression>)| format!("{name} = {}", some(value));
            format!("var {};", declared.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Statement::Function(function) => format!("declared {}", function_of(function)),
        Statement::Return(value) => format!("return {};", some(value)),
        Statement::If(branches, otherwise) => {
            let one = |(condition, then): &(Expression, Vec<Statement>)| {
                format!("if ({}) {{{}}}", written(condition), body(then))
            };
            let otherwise = otherwise.as_ref().map(|then| format!(" else {{{}}}", body(then))).unwrap_or_default();
            format!("{}{otherwise}", branches.iter().map(one).collect::<Vec<_>>().join(" else "))
        }
        Statement::Loop(condition, others, then) => {
            let others = others.iter().map(written).collect::<Vec<_>>().join("; ");
            format!("loop ({} | {others}) {{{}}}", some(condition), body(then))
        }
        Statement::Each(heads, object, then) => {
            let others = heads.iter().chain([object]).map(written).collect::<Vec<_>>().join("; ");
            format!("loop ({} | {others}) {{{}}}", some(&None), body(then))
        }
        Statement::Switch(value, cases) => {
            let one = |(case, then): &(Option<Expression>, Vec<Statement>)| format!("[{}: {}]", some(case), body(then));
            format!("switch ({}) {}", written(value), cases.iter().map(one).collect::<Vec<_>>().join(""))
        }
        Statement::Throw(value) => format!("throw {};", written(value)),
        Statement::Try(blocks) => {
            format!("try {}", blocks.iter().map(|block| format!("{{{}}}", body(block))).collect::<String>())
        }
        Statement::Block(statements) => format!("{{{}}}", body(statements)),
        Statement::Other => "other;".to_owned(),
    }
}

fn tree(source: &str) -> String {
    match parse(source).0 {
        Ok(statements) => body(&statements),
        Err(error) => format!("{source}: {error:?}"),
    }
}

#[test]
fn operators_bind_by_their_precedence() {
    for (source, expected) in [
        ("a + b * c", "(a + (b * c));"),
        ("a * b + c", "((a * b) + c);"),
        ("a - b + c", "(a - b + c);"),
        ("(a - b) + c", "(<(a - b)> + c);"),
        ("a - (b + c)", "(a - <(b + c)>);"),
        ("a == b != c", "(a == b != c);"),
        ("a < b == c", "((a < b) == c);"),
        ("a == b < c", "(a == (b < c));"),
        ("a << b < c", "((a << b) < c);"),
        ("a + b << c", "((a + b) << c);"),
        ("a & b == c", "(a & (b == c));"),
        ("a ^ b & c", "(a ^ (b & c));"),
        ("a | b ^ c", "(a | (b ^ c));"),
        ("a && b | c", "(a && (b | c));"),
        ("a || b && c || d", "(a || (b && c) || d);"),
        ("a && b || c && d", "((a && b) || (c && d));"),
        ("(a || b) && c", "(<(a || b)> && c);"),
        ("a in b", "(a in b);"),
        ("a instanceof b", "(a instanceof b);"),
        ("!a == b", "((! a) == b);"),
        ("!(a == b)", "(! <(a == b)>);"),
        ("typeof a.b + c", "((typeof a.b) + c);"),
        ("- - a", "(- (- a));"),
        ("a++ + b", "((++ a) + b);"),
        ("a-- * b", "((++ a) * b);"),
        ("a + ++b", "(a + (++ b));"),
        ("a ? b : c ? d : e", "(a ? b : (c ? d : e));"),
        ("a || b ? c : d", "((a || b) ? c : d);"),
        ("a = b = c", "(a = (b = c));"),
        ("a += b ? c : d", "(a += (b ? c : d));"),
        ("a, b = c, d", "(a, (b = c), d);"),
        ("a ? b = c : d", "(a ? (b = c) : d);"),
    ] {
        assert_eq!(tree(source), expected, "{source}");
    }
}

#[test]
fn values_keep_their_parts() {
    for (source, expected) in [
        ("this.a", "this.a;"),
        ("a['b'].c(d, 1)(e)", "a['b'].c(d, number)(e);"),
        ("new A.B(c).d", "(new A.B(c).d);"),
        ("[a, , b, ]", "[a, b];"),
        ("[]", "[];"),
        ("f()", "f();"),
        ("a = {}", "(a = {});"),
        ("a = {b: c, 'd': /e/, 5: f, }", "(a = {b: c, d: regex, : f});"),
        ("a = {if: b}", "(a = {if: b});"),
        ("a.if", "a.if;"),
        ("(function () {})", "<function() {}>;"),
        ("a(function b(c, d) { return c; })", "a(function b(c, d) {return c;});"),
        ("(a, b)", "<(a, b)>;"),
        ("a[b, c]", "a[(b, c)];"),
        ("null, true, false, this", "(null, true, false, this);"),
    ] {
        assert_eq!(tree(source), expected, "{source}");
    }
}

#[test]
fn statements_keep_their_parts() {
    for (source, expected) in [
        ("var a = 1, b; const c = d;", "var a = number, b = ; var c = d;"),
        ("function a(b) { c } d", "declared function a(b) {c;} d;"),
        ("function a() { return } ", "declared function a() {return ;}"),
        ("function a() { return\nb }", "declared function a() {return ; b;}"),
        ("function a() { return b; }", "declared function a() {return b;}"),
        ("if (a) b; else if (c) { d } else e", "if (a) {b;} else if (c) {d;} else {e;}"),
        ("if (a) { } b", "if (a) {} b;"),
        ("while (a) { b }", "loop (a | ) {b;}"),
        ("do { a } while (b); c", "loop (b | ) {a;} c;"),
        ("do a; while (b) c", "loop (b | ) {a;} c;"),
        ("for (var i = a; b; c) d", "loop (b | a; c) {d;}"),
        ("for (i = a; b; c) { d }", "loop (b | (i = a); c) {d;}"),
        ("for (;;) a", "loop ( | ) {a;}"),
        ("for (; a; ) b", "loop (a | ) {b;}"),
        ("for (var k in a) b", "loop ( | a) {b;}"),
        ("for (k in a) b", "loop ( | k; a) {b;}"),
        ("for (var k = (a in b); c; d) e", "loop (c | <(a in b)>; d) {e;}"),
        ("for (a = [b in c]; d; ) e", "loop (d | (a = [(b in c)])) {e;}"),
        ("for (a = b[c in d]; e; ) f", "loop (e | (a = b[(c in d)])) {f;}"),
        ("for (a = {b: c in d}; e; ) f", "loop (e | (a = {b: (c in d)})) {f;}"),
        ("for (a = b ? c in d : e; f; ) g", "loop (f | (a = (b ? (c in d) : e))) {g;}"),
        ("for (a = function () { b in c }; d; ) e", "loop (d | (a = function() {(b in c);})) {e;}"),
        ("for (a = f(b), k in c) d", "loop ( | ((a = f(b)), k); c) {d;}"),
        ("for (a = [b], k in c) d", "loop ( | ((a = [b]), k); c) {d;}"),
        ("for (a = {b: c}, k in d) e", "loop ( | ((a = {b: c}), k); d) {e;}"),
        ("for (a = (b), k in c) d", "loop ( | ((a = <b>), k); c) {d;}"),
        ("for (a = b ? c : d, k in e) f", "loop ( | ((a = (b ? c : d)), k); e) {f;}"),
        ("for (a = function () {}, k in b) c", "loop ( | ((a = function() {}), k); b) {c;}"),
        ("for (var i = 0; a in b; c) d", "loop ((a in b) | number; c) {d;}"),
        ("switch (a) { case b: case 'c': d; e; break; default: f }", "switch (a) [b: ]['c': d; e; other;][: f;]"),
        ("switch (a) {}", "switch (a) "),
        ("throw a", "throw a;"),
        ("try { a } catch (b) { c } finally { d }", "try {a;}{c;}{d;}"),
        ("try { a } finally { d }", "try {a;}{d;}"),
        ("a: while (b) { continue a; }", "loop (b | ) {other;}"),
        ("{ a; { b } }", "{a; {b;}}"),
        (";", "other;"),
        ("debugger; break\na", "other; other; a;"),
    ] {
        assert_eq!(tree(source), expected, "{source}");
    }
}

#[test]
fn the_span_of_an_expression_is_its_text_without_parentheses_around_it() {
    for (source, expected) in [
        ("  a + b ;", "a + b"),
        ("(a + b)", "a + b"),
        ("a - b - c", "a - b - c"),
        ("a && (b) ;", "a && (b)"),
        ("f(a, b) /* c */", "f(a, b)"),
        ("!a ;", "!a"),
        ("a ++ ;", "a ++"),
        ("a.b ['c'] ;", "a.b ['c']"),
        ("a ? b : c // d", "a ? b : c"),
        ("a = [ b ] ;", "a = [ b ]"),
        ("new A ;", "new A"),
        ("'é' ;", "'é'"),
        ("a , b ;", "a , b"),
        ("(function () { a }) ;", "function () { a }"),
    ] {
        let statements = parse(source).0.unwrap();
        let Some(Statement::Expression(one)) = statements.first() else { panic!("{source}") };
        assert_eq!(source.get(one.span.clone()), Some(expected), "{source}");
    }
}
