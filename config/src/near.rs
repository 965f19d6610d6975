//! The name that was probably meant. Pure.

/// Returns the candidate with the smallest edit distance (Damerau-Levenshtein) to `name`, if that is at most `most` for it.
#[must_use]
pub fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    most: impl Fn(&str) -> usize,
) -> Option<&'a str> {
    let (distance, nearest) = candidates.into_iter().map(|it| (strsim::damerau_levenshtein(it, name), it)).min()?;
    (distance <= most(nearest)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_within_the_limit_is_found() {
        let known = ["apache2.service", "nginx.service"];
        assert_eq!(nearest("ngnix.service", known, |_| 1), Some("nginx.service"));
        assert_eq!(nearest("apache.service", known, |_| 1), Some("apache2.service"));
        assert_eq!(nearest("apache.service", known, |_| 0), None);
        assert_eq!(nearest("mysql.service", known, |_| 3), None);
        assert_eq!(nearest("x", [], |_| 3), None);
    }
}
