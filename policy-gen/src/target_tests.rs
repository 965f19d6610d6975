use super::*;

#[test]
fn versions_of_both_numberings_compare() {
    let parse = |text| Version::parse(text).unwrap();
    assert_eq!(parse("0.105-31+deb11u1"), Version(105));
    assert!(parse("0.105") < Version::RULES && parse("0.106") == Version::RULES && parse("0.120") < parse("121"));
    assert_eq!(parse("2:126-2"), Version(126));
    assert_eq!((Version(105).to_string(), Version(126).to_string()), ("0.105".to_owned(), "126".to_owned()));
    for wrong in ["", "x", "0.", "12x", "v126"] {
        assert_eq!(Version::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn only_known_spellings_are_accepted() {
    let parse = |text: &str| text.parse::<Spelling>();
    assert_eq!(parse("host"), Ok(Spelling::Host));
    assert_eq!(parse("debian:12"), Ok(Spelling::Debian(12)));
    assert_eq!(parse("polkit:0.105"), Ok(Spelling::Polkit(Version(105))));
    assert_eq!(parse("root:/mnt"), Ok(Spelling::Root("/mnt".into())));
    for right in ["host", "debian:12", "polkit:0.105", "polkit:126", "root:/mnt"] {
        assert_eq!(parse(right).map(|spelling| spelling.to_string()), Ok(right.to_owned()));
    }
    for wrong in ["", "debian", "debian:10", "debian:14", "debian:x", "polkit:", "root:", "ubuntu:24.04"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn each_target_accepts_its_formats_and_refuses_others() {
    let format = async |spelling: &str, asked| resolve(&spelling.parse().unwrap()).await.unwrap().format(asked);
    assert_eq!(format("debian:11", None).await.unwrap(), Format::Pkla);
    assert_eq!(format("debian:12", None).await.unwrap(), Format::Rules);
    assert_eq!(format("debian:12", Some(Format::Pkla)).await.unwrap(), Format::Pkla);
    assert_eq!(format("polkit:126", None).await.unwrap(), Format::Rules);
    let refused = format("debian:11", Some(Format::Rules)).await.unwrap_err();
    assert!(refused.code() == 1 && refused.to_string().contains("0.105 reads no rules"), "{refused}");
    assert!(format("debian:13", Some(Format::Pkla)).await.unwrap_err().to_string().contains("polkitd-pkla"));
}

#[test]
fn a_tree_is_identified_by_its_packages_or_its_directories() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let target = || of_tree(&Tree::open(Some(root.path())).unwrap());
    assert_eq!(target().unwrap_err().code(), 3);
    let read = || target().map(|target| (target.version, target.pkla)).unwrap();
    write("etc/polkit-1/localauthority/x", "");
    assert_eq!(read(), (Version(105), Pkla::Native));
    write("usr/share/polkit-1/rules.d/49-polkit-pkla-compat.rules", "");
    assert_eq!(read(), (Version(106), Pkla::Compat));
    let stanza = |name: &str, state: &str, version: &str| {
        format!("Package: {name}\nStatus: install ok {state}\nVersion: {version}\n\n")
    };
    write(
        "var/lib/dpkg/status",
        &[stanza("polkitd", "config-files", "122-3"), stanza("policykit-1", "installed", "0.105-31")].concat(),
    );
    assert_eq!(read(), (Version(105), Pkla::Native));
    write(
        "var/lib/dpkg/status",
        &[stanza("polkitd", "installed", "126-2"), stanza("policykit-1", "installed", "126-2")].concat(),
    );
    assert_eq!(read(), (Version(126), Pkla::Compat));
}
