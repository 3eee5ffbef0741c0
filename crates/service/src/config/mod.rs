//! How a process is configured: `defaults < file < environment < flags`.
//!
//! Every setting is one line of the process's own table ([`settings!`](crate::settings)). Its flag, its variable, its place
//! in the file, its range and its documentation come from there. It knows no setting and opens nothing that one names.

mod value;
mod setting;
mod raw;
mod settings;
mod read;
mod text;
mod layers;

pub use layers::{Layers, Run};
pub use raw::Raw;
pub use read::load;
pub use setting::{ANY, Setting, between};
pub use settings::{Settings, Sources};
pub use text::{example, line, print, table};
pub use toml::Value as Toml;
pub use value::{Address, Addresses, LogFilter, LogFormat, Origins, TlsMode, Value};

/// Makes a process's configuration of a table: a line a setting, with its documentation, type, default and range. The
/// process adds `fn together(&self) -> Vec<(&'static str, String)>`.
#[macro_export]
macro_rules! settings {
    (
        $(#[$about:meta])+ $config:ident of $program:literal, $prefix:literal but $foreign:expr;
        $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:literal, $range:expr;)+
    ) => {
        $(#[$about])+
        #[derive(Clone, Debug)]
        pub struct $config {
            $($(#[doc = $doc])+ pub $name: $type,)+
            sources: $crate::config::Sources,
        }

        impl $crate::config::Settings for $config {
            const PROGRAM: &'static str = $program;
            const PREFIX: &'static str = $prefix;
            const FOREIGN: &'static [&'static str] = $foreign;
            const TABLE: &'static [$crate::config::Setting] = &[$(
                $crate::config::Setting::of::<$type>(
                    (stringify!($name), &[$($doc),+]),
                    $default,
                    $range,
                ),
            )+];

            fn each(raw: &$crate::config::Raw, problems: &mut Vec<String>) -> Option<Self> {
                let mut table = Self::TABLE.iter();
                $(let $name = raw.value::<$type>(table.next()?, problems);)+
                Some(Self { $($name: $name?,)+ sources: raw.sources() })
            }

            fn together(&self) -> Vec<(&'static str, String)> {
                $config::together(self)
            }

            fn values(&self) -> Vec<$crate::config::Toml> {
                vec![$($crate::config::Value::to_toml(&self.$name)),+]
            }

            fn sources(&self) -> &$crate::config::Sources {
                &self.sources
            }
        }

        impl std::fmt::Display for $config {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::config::print(self))
            }
        }
    };
}
