//! Expressions on records: what they give, and what is refused beforehand.

use super::*;

fn evaluate(source: &str, record: &str) -> Result<Scalar<'static>, ExpressionError> {
    let expression = Expression::compile(source, false).unwrap();
    let paths: Vec<FieldPath> = expression.names.iter().map(|name| name.path.clone()).collect();
    let mut found = crate::select::Found::default();
    crate::select::Selector::new(&paths).select(record.as_bytes(), &mut found).unwrap();
    let values: Vec<_> =
        found.values.iter().map(|raw| raw.map_or(Scalar::Empty, Scalar::from_json)).collect();
    expression.evaluate(&values)
}

fn check(source: &str, record: &str, expected: &Scalar<'_>) {
    assert_eq!(&evaluate(source, record).unwrap(), expected, "{source}");
}

#[test]
fn expressions_see_the_fields_of_the_record() {
    let record = r#"{"first":"Zoé","last":null,"n":2,"tags":["x","y"],"a":{"b":1},"Odd Name":"z","big":12345678901234567890}"#;
    check("first ~ ' ' ~ last", record, &Scalar::Text("Zoé ".into()));
    check("n * 2", record, &Scalar::Number("4".into()));
    check("a.b", record, &Scalar::Number("1".into()));
    check("tags | join('-')", record, &Scalar::Text("x-y".into()));
    check("tags | length > 1", record, &Scalar::Boolean(true));
    check("record['Odd Name']", record, &Scalar::Text("z".into()));
    check("missing", record, &Scalar::Empty);
    check("big", record, &Scalar::Number("12345678901234567890".into()));
    check("'x' if n == 2 else 'y'", record, &Scalar::Text("x".into()));
    check("range(3)|list", record, &Scalar::Array("[0,1,2]".into()));
}

/// Texts are written as a text field holds them, and JSON does; not as Python would.
#[test]
fn what_becomes_a_text_is_written_as_a_text_field_holds_it() {
    let record = r#"{"t":true,"n":null,"e":"","o":{"n":null,"t":false,"f":1e21},"f":1e21,"d":2.50,"s":"abc","l":[1,true,null,"x",1.50,{"a":null}]}"#;
    let list = r#"[1,true,null,"x",1.50,{"a":null}]"#;
    for (source, expected) in [
        ("'<' ~ t ~ '>'", "<true>"),
        ("'<' ~ o.t ~ (1 < 2) ~ '>'", "<falsetrue>"),
        ("'<' ~ n ~ e ~ missing ~ o.n ~ none ~ '>'", "<>"),
        ("'<' ~ f ~ ' ' ~ o.f ~ ' ' ~ d ~ ' ' ~ (d + 1) ~ '>'", "<1e21 1e21 2.50 3.5>"),
        ("'<' ~ (d|float) ~ ' ' ~ ('3'|float) ~ '>'", "<2.5 3.0>"),
        ("l ~ ''", list),
        ("l|string", list),
        ("o ~ ''", r#"{"f":1e21,"n":null,"t":false}"#),
        ("range(3) ~ ''", "[0,1,2]"),
        ("l|join(';')", r#"1;true;;x;1.50;{"a":null}"#),
        ("l|join(d=';')", r#"1;true;;x;1.50;{"a":null}"#),
        ("[{'a': t}, {'b': 1}]|join(';', attribute='a')", "true;"),
        ("s|join('-')", "a-b-c"),
        ("t|string", "true"),
        ("t|trim", "true"),
        ("t|title", "True"),
        ("t|replace('true', 'yes')|upper", "YES"),
        ("[t, s]|map('trim')|join", "trueabc"),
        ("'%s %s%s %.2f'|format(t, n, l, d|float)", "true [1,true,null,\"x\",1.50,{\"a\":null}] 2.50"),
        ("('<'|escape ~ '>'|escape)|escape", "&lt;&gt;"),
    ] {
        check(source, record, &Scalar::Text(expected.into()));
    }
    for nothing in ["o.n|string", "o.n|upper", "o.n|trim", "n|join(';')", "o.n|join(';')", "none ~ none"] {
        check(nothing, record, &Scalar::Empty);
    }
    assert!(evaluate("(1e308|float * 10) ~ ''", record).is_err());
}

/// A list or an object that comes out holds what its elements were, with all their digits.
#[test]
fn what_is_inside_of_a_list_keeps_its_type() {
    let list = r#"[1,2.50,12345678901234567890.5,true,null,"","<x>",{"a":1.50,"c":true},[3]]"#;
    let record = format!(r#"{{"v":{list},"n":2.50,"t":true,"e":""}}"#);
    for (source, expected) in [
        ("v", list),
        ("v if t else []", list),
        ("v|tojson", list),
        ("[n, 2.5, t, e, none, missing, 'x', n + 1]", r#"[2.50,2.5,true,null,null,null,"x",3.5]"#),
        ("{'v': v[1:3], 'n': n, 'f': false}", r#"{"v":[2.50,12345678901234567890.5],"n":2.50,"f":false}"#),
        ("v[7]", r#"{"a":1.50,"c":true}"#),
    ] {
        let found = evaluate(source, &record).unwrap();
        let json = match &found {
            Scalar::Array(json) | Scalar::Object(json) | Scalar::Text(json) => json,
            other => panic!("{source}: {other:?}"),
        };
        let read = |json: &str| {
            serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(json).map(|members| {
                members
                    .into_iter()
                    .map(|(name, raw)| (name, raw.get().to_owned()))
                    .collect::<BTreeMap<_, _>>()
            })
        };
        match (read(json), read(expected)) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{source}"),
            _ => assert_eq!(json, expected, "{source}"),
        }
    }
    assert!(evaluate("[1e308|float * 10]", "{}").is_err());
}

/// An empty text is undefined in a field of its own; wherever one stands, it equals what is absent or null.
#[test]
fn what_is_empty_equals_an_empty_text() {
    let record = r#"{"empty":"","null":null,"zero":0,"text":"x","o":{"empty":"","null":null,"text":"x"}}"#;
    for (field, is_empty) in [
        ("empty", true),
        ("null", true),
        ("missing", true),
        ("o.empty", true),
        ("o.null", true),
        ("o.missing", true),
        ("record['empty']", true),
        ("record['missing']", true),
        ("text", false),
        ("o.text", false),
        ("zero", false),
    ] {
        let is = |value| Scalar::Boolean(value);
        check(&format!("{field} == ''"), record, &is(is_empty));
        check(&format!("'' != {field}"), record, &is(!is_empty));
        check(&format!("{field} in ['', 'y']"), record, &is(is_empty));
        check(&format!("{field} == 'x'"), record, &is(field.contains("text")));
        check(&format!("{field} == none"), record, &is(is_empty));
    }
}

#[test]
fn what_can_never_work_is_refused_beforehand() {
    for source in
        ["first ~", "first | shout", "'a' if n > 5 else (first | shout)", "now()", "n is weird", "debug()"]
    {
        assert!(Expression::compile(source, false).is_err(), "{source}");
    }
    for source in ["'|shout'", "first | upper | trim", "n + 1"] {
        assert!(Expression::compile(source, false).is_ok(), "{source}");
    }
}

#[test]
fn numbers_are_exact() {
    let record = r#"{"a":0.1,"b":0.2,"net":"100","tax":"20.50","w":1.10,"big":12345678901234567890,"t":"x","nested":{"big":12345678901234567890.5},"n":3,"zero":0,"none":null}"#;
    let cases = [
        ("a + b", "0.3"),
        ("net|decimal + tax|decimal", "120.5"),
        ("net|int + n", "103"),
        ("net|decimal * n - 1", "299"),
        ("big + 1", "12345678901234567891"),
        ("nested.big * 2", "24691357802469135781"),
        ("w", "1.10"),
        ("w + 1", "2.1"),
        ("w * w", "1.21"),
        ("-w", "-1.1"),
        ("-(net|decimal)", "-100"),
        ("n / 4", "0.75"),
        ("1 / n", "0.3333333333333333333333333333333333"),
        ("-7 // 2", "-4"),
        ("-7 % 4", "1"),
        ("n ** 2", "9"),
        ("(a + b) * 10 - 3", "0"),
        ("(tax|decimal / n)|round(2)", "6.83"),
        ("(tax|decimal)|round(0, 'floor')", "20"),
        ("(0 - w)|abs", "1.1"),
        ("tax|int", "20"),
        ("'12'|int(base=16)", "18"),
        ("'x'|int(default=7)", "7"),
        ("('x'|decimal(0)) + 1", "1"),
        ("[a, b, w]|sum", "1.4"),
        ("[net, tax]|map('decimal')|max", "100"),
        ("[3, w, 2]|min", "1.10"),
        ("('2024-01-02'|instant - '2024-01-01T12:00:00Z'|instant) / 3600", "12"),
        ("1 + 2 * 3 - 4 / 2", "5"),
        ("(1 + 2) * 3", "9"),
        ("n if net|int > 99 and not (tax|decimal <= 20.5 and w < 1.1) else zero", "3"),
    ];
    for (source, expected) in cases {
        check(source, record, &Scalar::Number(expected.into()));
    }
    check("([1] + [2])|length", record, &Scalar::Number("2".into()));
    check("1 < n <= 3", record, &Scalar::Boolean(true));
    check("n == 3.0 and w == 1.1 and big in [1, 12345678901234567890]", record, &Scalar::Boolean(true));
    check("w is number and t not in ['y']", record, &Scalar::Boolean(true));
    check("net == '100' and t != 3", record, &Scalar::Boolean(true));
    check("w ~ '!' ~ (w + 0)", record, &Scalar::Text("1.10!1.1".into()));
    check("none < 1", record, &Scalar::Boolean(true));
    for source in [
        "t[:1]",
        "[1, t][1]",
        "[1, t][1][:1]",
        "{'a': t}.a",
        "{'a': t}['a'][0:1]",
        "{'a': [1, t], 'b': not n}.a[1][:1]",
    ] {
        check(source, record, &Scalar::Text("x".into()));
    }
}

/// What is empty becomes no number: nothing stays nothing, and a text that is none is refused.
#[test]
fn nothing_and_unreadable_texts_become_no_number() {
    let record =
        r#"{"e":"","n":null,"o":{"e":"","n":null},"t":"abc","big":"1e400","b":true,"s":" 12 ","v":"12.7"}"#;
    for filter in ["int", "float", "decimal"] {
        for nothing in ["e", "n", "o.n", "missing", "none"] {
            check(&format!("{nothing}|{filter}"), record, &Scalar::Empty);
            check(&format!("{nothing}|{filter}(7)"), record, &Scalar::Number("7".into()));
            let error = evaluate(&format!("({nothing}|{filter}) + 1"), record).unwrap_err().to_string();
            assert!(error.contains("a value beside it is empty"), "{nothing}|{filter}: {error}");
        }
        for text in ["''", "o.e", "t", "s", "'nan'", "'inf'", "'12abc'"] {
            let error = evaluate(&format!("{text}|{filter}"), record).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{filter}`: ")), "{text}: {error}");
            check(&format!("{text}|{filter}(7)"), record, &Scalar::Number("7".into()));
        }
    }
    for (source, expected) in [
        ("v|int", "12"),
        ("v|float", "12.7"),
        ("'-0x1F'|int(base=16)", "-31"),
        ("'z'|int(0, 36)", "35"),
        ("b|int", "1"),
        ("b|float", "1.0"),
        ("3|float", "3.0"),
        ("[1]|int(default=7)", "7"),
        ("t|float(default=7)", "7"),
    ] {
        check(source, record, &Scalar::Number(expected.into()));
    }
    for source in ["big|float", "'9'|int(base=8)", "'1.5'|int(base=10)", "[1]|int", "(1e308|float * 10)|int"]
    {
        assert!(evaluate(source, record).is_err(), "{source}");
    }
}

#[test]
fn a_text_is_no_number() {
    let record = r#"{"net":"100","tax":"20","n":3,"t":"x"}"#;
    let cases = [
        ("net + tax", "write `|decimal`"),
        ("net + n", "write `|decimal`"),
        ("n + net", "write `|decimal`"),
        ("net * 2", "write `|decimal`"),
        ("2 * net", "write `|decimal`"),
        ("net - tax", "write `|decimal`"),
        ("net / tax", "write `|decimal`"),
        ("-net", "write `|decimal`"),
        ("net < tax", "`|instant` after dates"),
        ("net >= n", "write `|decimal`"),
        ("n > net", "write `|decimal`"),
        ("1 < net < 9", "write `|decimal`"),
        ("net is lt n", "write `|decimal`"),
        ("net == 100", "never equal"),
        ("100 != net", "never equal"),
        ("net in [1, 100]", "never equal"),
        ("[net, tax]|max", "|map('decimal')"),
        ("[net, tax]|sum", "|map('decimal')"),
        ("net|round", "write `|decimal`"),
        ("t|decimal", "is not a decimal number"),
        ("1 / (n - 3)", "divides by zero"),
    ];
    for (source, expected) in cases {
        let error = evaluate(source, record).unwrap_err().to_string();
        assert!(error.contains(expected), "{source}: {error}");
    }
}

#[test]
fn texts_are_found_before_there_is_a_record() {
    let never = [
        "'a' + 'b'",
        "a ~ b + c",
        "(a|trim) * 2",
        "n + 'x'",
        "created < '2024-01-01'",
        "(a if n else 'b') ~ 'c' < n",
    ];
    for source in never {
        assert!(Expression::compile(source, false).is_err(), "{source}");
    }
    let doubts = |source: &str, all_texts| Expression::compile(source, all_texts).unwrap().doubts.len();
    let of_texts =
        ["net + tax", "record['net'] * 2", "n if net > 9 else 0", "net|default('0') + 1", "record.net - 1"];
    for source in of_texts {
        assert_eq!((doubts(source, true), doubts(source, false)), (1, 0), "{source}");
    }
    let fine = [
        "net|decimal + tax|int",
        "net ~ tax",
        "net == tax",
        "parent.n + 1",
        "net|length > 3",
        "range(3)|sum + 1",
    ];
    for source in fine {
        assert_eq!(doubts(source, true), 0, "{source}");
    }
}

#[test]
fn work_is_bounded() {
    let source = "range(9999)|map('string')|join('')|length if n else 1";
    let evaluated = Expression::compile(source, false)
        .and_then(|expression| expression.evaluate(&[Scalar::Number("1".into())]));
    let refused = evaluated.unwrap_err().to_string();
    assert!(refused.contains("fuel"), "{refused}");
}
