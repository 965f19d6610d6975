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

#[test]
fn each_default_is_that_of_its_session() {
    let all = "<allow_any>no</allow_any><allow_inactive>auth_self</allow_inactive><allow_active>auth_admin_keep</allow_active>";
    let (actions, error) = parse(file(all).as_bytes());
    assert_eq!(error, None);
    let results = actions[1].results;
    assert_eq!(
        results.all(),
        [ImplicitAuthorization::No, ImplicitAuthorization::AuthSelf, ImplicitAuthorization::AuthAdminKeep]
    );
    let only = |element: &str| {
        let (actions, _) = parse(file(&format!("<{element}>yes</{element}>")).as_bytes());
        actions[1].results.all().map(|result| result == ImplicitAuthorization::Yes)
    };
    assert_eq!(only("allow_any"), [true, false, false]);
    assert_eq!(only("allow_inactive"), [false, true, false]);
    assert_eq!(only("allow_active"), [false, false, true]);
}

#[test]
fn a_root_element_and_an_attribute_of_another_name_end_the_file() {
    let error = |text: &str| parse(text.as_bytes()).1;
    let wrong = |line, why: &str| Some((line, why.to_owned()));
    let (action, annotate) =
        ("<action> must have exactly the attribute id", "<annotate> must have exactly the attribute key");
    assert_eq!(error("<policyconfig/>\n<policyconfig/>"), wrong(2, "there is more than one root element"));
    assert_eq!(error("x<policyconfig/>"), wrong(1, "there is text outside the root element"));
    assert_eq!(error("<policyconfig>\n<action name='a'/></policyconfig>"), wrong(2, action));
    assert_eq!(error("<policyconfig><action id='a' b='c'/></policyconfig>"), wrong(1, action));
    let with = |annotate: &str| {
        format!("<policyconfig><action id='a'><annotate{annotate}>v</annotate></action></policyconfig>")
    };
    assert_eq!(error(&with(" name='k'")), wrong(1, annotate));
    assert_eq!(error(&with("")), wrong(1, annotate));
    assert_eq!(error(&with(" key='k'")), None);
    assert_eq!(error("\u{feff}<policyconfig/>\n \n"), None);
    let nested = |depth: usize| format!("{}{}", "<policyconfig>".repeat(depth), "</policyconfig>".repeat(depth));
    assert_eq!(error(&nested(32)), None);
    assert_eq!(error(&nested(33)), wrong(1, "elements are nested too deeply"));
}

#[test]
fn entities_are_the_five_of_xml() {
    let text = "<policyconfig><action id='a'><description>&lt;&gt;&amp;&quot;&apos;&#65;</description></action></policyconfig>";
    assert_eq!(parse(text.as_bytes()).0[0].description, "<>&\"'A");
    assert!(
        parse(b"<policyconfig><action id='a'><description>&nbsp;</description></action></policyconfig>").1.is_some()
    );
}

#[test]
fn a_file_is_read_up_to_a_nul() {
    assert_eq!(parse(b"<policyconfig><action id='a'/></policyconfig>\0<").1, None);
    assert!(parse(b"<policyconfig><action id='a'/>\0</policyconfig>").1.is_some());
}

#[test]
fn the_last_part_of_an_annotation_counts_and_defaults_belong_to_their_element() {
    let text = "<policyconfig><action id='a'><allow_any>yes</allow_any><defaults><annotate key='k'>x</annotate></defaults>\
                <annotate key='k'>one<!-- c -->two</annotate></action></policyconfig>";
    let (actions, error) = parse(text.as_bytes());
    assert_eq!((error, actions[0].results.any), (None, ImplicitAuthorization::No));
    assert_eq!(actions[0].annotations, [("k".to_owned(), "two".to_owned())].into());
}

#[test]
fn a_description_with_a_text_domain_is_no_translation() {
    let text = "<policyconfig><action id='org.x.y.z'><description xml:lang='de'>Neu starten</description>\
                <description gettext-domain='systemd'>Reboot</description></action></policyconfig>";
    let (actions, problem) = parse(text.as_bytes());
    assert_eq!((actions[0].description.as_str(), problem), ("Reboot", None));
}
