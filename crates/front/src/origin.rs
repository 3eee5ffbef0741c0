//! Which web pages may connect. A browser says where its page comes from, and a page cannot change that.

/// Whether a page of this origin may connect: one of the host that it asks, or one of the list.
pub(crate) fn is_allowed(origin: &str, host: &str, origins: &[String]) -> bool {
    let own = origin.split_once("://").is_some_and(|(scheme, rest)| {
        matches!(scheme, "http" | "https") && rest.eq_ignore_ascii_case(host)
    });
    own || origins.iter().any(|it| it == "*" || it.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_connects_to_its_own_host_or_is_listed() {
        let list = ["https://app.example".to_owned(), "http://localhost:3000".to_owned()];
        for (origin, host, own, listed) in [
            ("https://im.example", "im.example", true, true),
            ("https://IM.example", "im.Example", true, true),
            ("http://127.0.0.1:7400", "127.0.0.1:7400", true, true),
            ("http://127.0.0.1:7401", "127.0.0.1:7400", false, false),
            ("https://im.example:444", "im.example", false, false),
            ("https://app.example", "im.example", false, true),
            ("https://app.example.evil", "im.example", false, false),
            ("http://app.example", "im.example", false, false),
            ("http://localhost:3000", "im.example", false, true),
            ("null", "im.example", false, false),
            ("null", "null", false, false),
            ("", "", false, false),
        ] {
            assert_eq!(is_allowed(origin, host, &[]), own, "{origin} {host}");
            assert_eq!(is_allowed(origin, host, &list), listed, "{origin} {host}");
            assert!(is_allowed(origin, host, &["*".to_owned()]));
        }
    }
}
