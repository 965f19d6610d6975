//! The host's own message catalogues (gettext's .mo), for messages in its languages.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use polkit_config::bounded::open_regular;

use super::error::{Class, Wording};

const DIRECTORY: &str = "/usr/share/locale";
/// The texts that are looked up, as the catalogues have them as keys.
const OF_LIBVIRT: &[(Class, &str)] = &[
    (Class::NoAgent, "no polkit agent available to authenticate action '%s'"),
    (Class::NoAgent, "no polkit agent available to authenticate action '%1$s'"),
    (Class::NoAgent, "no agent is available to authenticate"),
    (Class::Refused, "access denied by policy"),
    (Class::Dismissed, "user cancelled authentication process"),
];
const OF_LIBC: &[(Class, &str)] = super::error::ERRNO;
/// As many languages are looked at.
const LANGUAGES_MAX: usize = 200;
/// A text that is shorter than this says too little.
const SHORTEST: usize = 6;
/// No text that is looked up is longer than this, in bytes.
const TEXT_MAX: u32 = 4096;

/// What the classes are called in the languages of this host.
#[must_use]
pub fn wordings() -> Vec<Wording> {
    let mut found = Vec::new();
    let Ok(languages) = std::fs::read_dir(DIRECTORY) else { return found };
    for language in languages.flatten().take(LANGUAGES_MAX) {
        for (name, texts) in [("libvirt.mo", OF_LIBVIRT), ("libc.mo", OF_LIBC)] {
            found.extend(of_file(&language.path().join("LC_MESSAGES").join(name), texts).unwrap_or_default());
        }
    }
    found
}

fn of_file(path: &Path, texts: &[(Class, &str)]) -> io::Result<Vec<Wording>> {
    let Some(catalogue) = Catalogue::open(open_regular(path)?)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (class, text) in texts {
        if let Some(translation) = catalogue.find(text)? {
            let longest =
                translation.split(['%', '\'', '"', '“', '”', '«', '»', '„', '\n']).max_by_key(|part| part.len());
            let text = longest.unwrap_or_default().trim().trim_start_matches("1$s").trim();
            if text.len() >= SHORTEST {
                found.push(Wording { class: *class, text: text.to_owned() });
            }
        }
    }
    Ok(found)
}

/// A catalogue: two tables of lengths and places, of the keys, which are sorted, and of the translations.
struct Catalogue {
    file: File,
    count: u32,
    keys: u32,
    translations: u32,
    little: bool,
}

impl Catalogue {
    /// `None` if it is no catalogue.
    fn open(file: File) -> io::Result<Option<Self>> {
        let mut magic = [0; 4];
        file.read_exact_at(&mut magic, 0)?;
        let little = magic == [0xde, 0x12, 0x04, 0x95];
        if !little && magic != [0x95, 0x04, 0x12, 0xde] {
            return Ok(None);
        }
        let mut catalogue = Self { file, count: 0, keys: 0, translations: 0, little };
        catalogue.count = catalogue.number(8)?;
        catalogue.keys = catalogue.number(12)?;
        catalogue.translations = catalogue.number(16)?;
        Ok(Some(catalogue))
    }

    fn number(&self, at: u64) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn text(&self, table: u32, index: u32) -> io::Result<Vec<u8>> {
        let entry = u64::from(table) + u64::from(index) * 8;
        let (length, place) = (self.number(entry)?.min(TEXT_MAX), self.number(entry + 4)?);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, u64::from(place))?;
        Ok(bytes)
    }

    fn find(&self, key: &str) -> io::Result<Option<String>> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.text(self.keys, middle)?.as_slice().cmp(key.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    let text = self.text(self.translations, middle)?;
                    return Ok(Some(String::from_utf8_lossy(&text).into_owned()));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// A catalogue of these texts, as msgfmt makes it but for the table of hashes.
    fn made(texts: &[(&str, &str)], big: bool) -> File {
        let number = |value: usize| {
            let value = u32::try_from(value).unwrap();
            if big { value.to_be_bytes() } else { value.to_le_bytes() }
        };
        let (tables, mut place) = (28, 28 + texts.len() * 16);
        let mut head: Vec<u8> = [0x9504_12de, 0, texts.len(), tables, tables + texts.len() * 8, 0, 0]
            .iter()
            .flat_map(|n| number(*n))
            .collect();
        let mut body = Vec::new();
        for column in 0..2 {
            for pair in texts {
                let text = if column == 0 { pair.0 } else { pair.1 };
                head.extend(number(text.len()));
                head.extend(number(place));
                body.extend(text.as_bytes());
                body.push(0);
                place += text.len() + 1;
            }
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&head).unwrap();
        file.write_all(&body).unwrap();
        file
    }

    #[test]
    fn translations_are_found_in_either_byte_order() {
        let texts = [
            ("", "Language: de"),
            ("Permission denied", "Keine Berechtigung"),
            ("access denied by policy", "Zugriff verwehrt"),
        ];
        for big in [false, true] {
            let catalogue = Catalogue::open(made(&texts, big)).unwrap().unwrap();
            assert_eq!(catalogue.find("Permission denied").unwrap().as_deref(), Some("Keine Berechtigung"));
            assert_eq!(catalogue.find("Connection refused").unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_catalogue_or_cut_short_gives_nothing() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"no catalogue at all").unwrap();
        assert!(Catalogue::open(file).unwrap().is_none());
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0xde, 0x12, 0x04, 0x95, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]).unwrap();
        assert!(Catalogue::open(file).is_err());
    }
}
