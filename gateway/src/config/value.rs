//! What a setting's text can mean: one implementation per type.

use std::net::SocketAddr;
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A type that a setting can have.
pub trait Value: Sized {
    /// What may be typed, for a person.
    const EXPECTED: &'static str;
    /// The meaning of a text, or `None`.
    fn parse(text: &str) -> Option<Self>;
    /// As the file has it; [`Value::parse`] of it gives the same value again.
    fn to_toml(&self) -> toml::Value;
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
        }
    )+};
}
whole_numbers!(u16 u32 u64);

impl Value for bool {
    const EXPECTED: &'static str = "true or false";
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
            port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
        };
        let parts: Vec<String> = text.split_terminator(',').map(|it| it.trim().into()).collect();
        parts.iter().all(|part| is_one(part)).then_some(Self(parts))
    }
    fn to_toml(&self) -> toml::Value {
        self.0.join(",").into()
    }
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
