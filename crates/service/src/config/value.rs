//! What a setting's text can mean: one implementation per type.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A type that a setting can have.
pub trait Value: Sized {
    /// What may be typed, for a person.
    const EXPECTED: &'static str;
    /// The flag may stand alone, and then means true.
    const IS_SWITCH: bool = false;
    /// The meaning of a text, or `None`.
    fn parse(text: &str) -> Option<Self>;
    /// As the file has it; [`Value::parse`] of it gives the same value again, if it hides no password.
    fn to_toml(&self) -> toml::Value;
    /// What a range is about.
    fn number(&self) -> Option<u64> {
        None
    }
}

macro_rules! whole_numbers {
    ($($type:ty)+) => {$(
        impl Value for $type {
            const EXPECTED: &'static str = "a whole number without a sign or unit, such as 100";
            fn parse(text: &str) -> Option<Self> {
                // `from_str` takes a plus sign. TOML's underscores may stand in the other sources as well.
                let digits = text.replace('_', "");
                digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
            }
            fn to_toml(&self) -> toml::Value {
                toml::Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
            }
            fn number(&self) -> Option<u64> {
                Some((*self).into())
            }
        }
    )+};
}
whole_numbers!(u16 u32 u64);

impl Value for bool {
    const EXPECTED: &'static str = "true or false";
    const IS_SWITCH: bool = true;
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn to_toml(&self) -> toml::Value {
        toml::Value::Boolean(*self)
    }
}

impl Value for SocketAddr {
    const EXPECTED: &'static str = "an address and a port, such as 127.0.0.1:7400 or [::1]:7400";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn to_toml(&self) -> toml::Value {
        self.to_string().into()
    }
}

/// Addresses of servers, by name or number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses(pub Vec<String>);

impl Value for Addresses {
    const EXPECTED: &'static str = "host:port, several with commas between, or nothing";
    fn parse(text: &str) -> Option<Self> {
        let is_one = |part: &str| {
            let port = part.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            let has_port = |(_, port): (_, &str)| port.parse::<u16>().is_ok_and(|port| port > 0);
            // Nobody is told a password here, so that these can be printed.
            port.is_some_and(has_port) && !part.contains('@')
        };
        let parts: Vec<String> = text.split_terminator(',').map(|it| it.trim().into()).collect();
        parts.iter().all(|part| is_one(part)).then_some(Self(parts))
    }
    fn to_toml(&self) -> toml::Value {
        self.0.join(",").into()
    }
}

/// Where web pages come from, as browsers say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(pub Vec<String>);

impl Value for Origins {
    const EXPECTED: &'static str =
        "scheme://host or scheme://host:port, several with commas between, * or nothing";
    fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'*' | b'@');
        let is_one = |part: &str| {
            let host = part.split_once("://").filter(|(scheme, _)| !scheme.is_empty());
            let is_host = |(_, host): (_, &str)| !host.is_empty() && host.bytes().all(is_plain);
            part == "*" || host.is_some_and(is_host)
        };
        let parts: Vec<String> = text.split_terminator(',').map(|it| it.trim().into()).collect();
        parts.iter().all(|part| is_one(part)).then_some(Self(parts))
    }
    fn to_toml(&self) -> toml::Value {
        self.0.join(",").into()
    }
}

/// The address of one server as a URL, which may have a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub String);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl Value for Address {
    const EXPECTED: &'static str = "a URL, such as redis://127.0.0.1:6379, or nothing";
    fn parse(text: &str) -> Option<Self> {
        text.contains("://").then(|| Self(text.to_owned()))
    }
    fn to_toml(&self) -> toml::Value {
        masked(&self.0).into()
    }
}

/// A text that may be printed: an address without the name and password before its host, and without its query.
pub(super) fn masked(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let (place, query) = match rest.split_once('?') {
        // It may be a part of the password.
        Some((_, query)) if query.contains('@') => return scheme + "***",
        Some((place, _)) if !scheme.is_empty() => (place, "?***"),
        _ => (rest, ""),
    };
    let (user, host) = place.rsplit_once('@').map_or(("", place), |(_, host)| ("***@", host));
    format!("{scheme}{user}{host}{query}")
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "a path";
    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.contains('\0')).then(|| text.into())
    }
    fn to_toml(&self) -> toml::Value {
        self.display().to_string().into()
    }
}

impl Value for String {
    const EXPECTED: &'static str = "a text";
    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn to_toml(&self) -> toml::Value {
        self.clone().into()
    }
}

/// The empty text is `None`.
impl<T: Value> Value for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { T::parse(text).map(Some) }
    }
    fn to_toml(&self) -> toml::Value {
        self.as_ref().map_or_else(|| "".into(), Value::to_toml)
    }
}

/// Which events are logged: the directives of `tracing_subscriber::EnvFilter`, known to be valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter, new each time.
    #[must_use]
    pub fn to_filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl Value for LogFilter {
    const EXPECTED: &'static str =
        "off, error, warn, info, debug or trace, also per module, such as info,gateway::auth=debug";
    fn parse(text: &str) -> Option<Self> {
        // A bare word that is no level would be taken for a module, and nothing else be logged.
        let leveled = |part: &str| {
            part.contains('=') || (!part.is_empty() && part.parse::<LevelFilter>().is_ok())
        };
        let valid = text.split(',').all(leveled) && EnvFilter::try_new(text).is_ok();
        valid.then(|| Self(text.to_owned()))
    }
    fn to_toml(&self) -> toml::Value {
        self.0.clone().into()
    }
}

/// How a logged event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line, for collectors.
    Json,
}

impl Value for LogFormat {
    const EXPECTED: &'static str = "text or json";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
    fn to_toml(&self) -> toml::Value {
        match self {
            Self::Text => "text".into(),
            Self::Json => "json".into(),
        }
    }
}

/// Whether clients speak TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// They do not: something in front of the process may.
    Off,
    /// They may.
    Accept,
    /// They must.
    Require,
}

impl Value for TlsMode {
    const EXPECTED: &'static str = "off, accept or require";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "accept" => Some(Self::Accept),
            "require" => Some(Self::Require),
            _ => None,
        }
    }
    fn to_toml(&self) -> toml::Value {
        match self {
            Self::Off => "off".into(),
            Self::Accept => "accept".into(),
            Self::Require => "require".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_scheme_and_no_path() {
        let origins = Origins::parse("https://a, app://b:1,http://[::1]:7400").unwrap();
        assert_eq!(origins.0, ["https://a", "app://b:1", "http://[::1]:7400"]);
        assert_eq!(Origins::parse("").unwrap().0, [""; 0]);
        assert_eq!(Origins::parse("*").unwrap().0, ["*"]);
        for text in ["a", "a:1", "https://", "https://a/", "://a", "https://*.a", "https://a b"] {
            assert_eq!(Origins::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_printed_has_no_password() {
        for (text, printed) in [
            ("redis://h:1/0", "redis://h:1/0"),
            ("redis://h?", "redis://h?***"),
            ("redis://me:p@h:1", "redis://***@h:1"),
            ("redis://:p@p@h", "redis://***@h"),
            ("redis://:p?p@h", "redis://***"),
            ("unix:///s?pass=p@p", "unix://***"),
            ("unix:///s?pass=p", "unix:///s?***"),
            ("me:p,p@h:1", "***@h:1"),
            ("me:p?p@h:1", "***"),
            ("what?", "what?"),
        ] {
            assert_eq!(masked(text), printed);
        }
    }
}
