use super::*;

fn file(defaults: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE policyconfig PUBLIC \"-//x\" \"http://x/y.dtd\">\n<policyconfig>\n\
         <vendor>V</vendor>\n<action id=\"a.first\"><defaults><allow_any>yes</allow_any></defaults></action>\n\
         <action id=\"a.second\"><description xml:lang=\"de\">&#228; &amp; b</description><defaults>{defaults}</defaults>\n\
         <annotate key=\"org.freedesktop.policykit.imply\">a.x  a.y</annotate></action>\n</policyconfig>\n"
    )
}

fn any(defaults: &str) -> Result<ImplicitAuthorization, (usize, String)> {
    let (actions, error) = parse(file(defaults).as_bytes());
    assert_eq!(actions[0].results.any, ImplicitAuthorization::Yes);
    error.map_or_else(|| Ok(actions[1].results.any), Err)
}

#[test]
fn a_missing_or_empty_value_is_a_no() {
    assert_eq!(any(""), Ok(ImplicitAuthorization::No));
    assert_eq!(any("<allow_any></allow_any><allow_any/><other>x</other>"), Ok(ImplicitAuthorization::No));
    assert_eq!(any("<allow_any>yes<!-- c --></allow_any>"), Ok(ImplicitAuthorization::Yes));
    assert_eq!(any("<allow_any><![CDATA[auth_self]]></allow_any>"), Ok(ImplicitAuthorization::AuthSelf));
}

#[test]
fn an_error_ends_the_file_and_earlier_actions_remain() {
    for wrong in [" yes ", "\nyes\n", "YES", "&#121;es", "auth_admin_keep_always", "yes&amp;", "&nope;", "<b>"] {
        let (actions, error) = parse(file(&format!("<allow_any>{wrong}</allow_any>")).as_bytes());
        assert_eq!((actions.len(), error.map(|(line, _)| line >= 6)), (1, Some(true)), "{wrong}");
    }
    assert_eq!(parse(b"<policyconfig><action id='x'/></policyconfig> text").1.unwrap().0, 1);
    assert!(parse(b"<policyconfig>").1.is_some() && parse(b"").1.is_some());
    assert!(parse(b"<policyconfig><action></action></policyconfig>").1.is_some());
}

#[test]
fn implied_actions_are_separated_by_blanks() {
    let (actions, error) = parse(file("").as_bytes());
    assert_eq!((actions[1].implies.clone(), error), (vec!["a.x".to_owned(), "a.y".to_owned()], None));
    assert_eq!(actions[1].line, 6);
}

#[test]
fn the_description_is_the_one_without_a_language() {
    let text = "<policyconfig><action id='a'><description>About <!-- c -->a\n&amp; more</description>\
        <description xml:lang='de'>Deutsch</description><annotate key='k'>v</annotate></action></policyconfig>";
    let (actions, error) = parse(text.as_bytes());
    assert_eq!((actions[0].description.as_str(), error), ("About a\n& more", None));
    assert_eq!(actions[0].annotations, [("k".to_owned(), "v".to_owned())].into());
}

#[test]
fn an_action_outside_policyconfig_is_ignored() {
    assert_eq!(parse(b"<x><action id='a'/></x>").0, []);
    assert_eq!(parse(b"<policyconfig><x><action id='a'/></x></policyconfig>").0, []);
}
