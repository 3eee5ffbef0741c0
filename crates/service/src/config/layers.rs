//! The settings on a command line, for clap: each is a flag, and `--config` names the file with the others.

use super::read::{FILE, load};
use super::setting::Setting;
use super::settings::Settings;
use super::text::print;
use crate::exit::Fatal;
use crate::stdout;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};
use std::marker::PhantomData;
use std::path::PathBuf;

/// What a command line says of the settings.
#[derive(Clone, Debug)]
pub struct Layers<S> {
    file: Option<PathBuf>,
    flags: Vec<(&'static str, String)>,
    settings: PhantomData<S>,
}

/// The command that serves.
#[derive(Args, Clone, Debug)]
pub struct Run<S: Settings> {
    /// Print the configuration that results as TOML, or what is wrong with it, and exit with 0 or 2.
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    layers: Layers<S>,
}

impl<S: Settings> Run<S> {
    /// Serves; or, if that was asked for, looks at what the settings name, and prints them.
    ///
    /// # Errors
    /// What is wrong with the configuration; then whatever the two say.
    pub fn run(
        &self,
        look: impl FnOnce(&S) -> Result<(), Fatal>,
        serve: impl FnOnce(S) -> Result<(), Fatal>,
    ) -> Result<(), Fatal> {
        let config = self.layers.load()?;
        if !self.check_config {
            return serve(config);
        }
        look(&config)?;
        stdout::print(&print(&config));
        Ok(())
    }
}

impl<S: Settings> Layers<S> {
    /// The configuration, with the file and this process's environment.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<S, Fatal> {
        load(self.file.as_deref(), std::env::vars_os(), &self.flags)
    }
}

impl<S: Settings> FromArgMatches for Layers<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let typed = |setting: &Setting| {
            let text = matches.get_one::<String>(setting.name)?;
            Some((setting.name, text.clone()))
        };
        let flags = S::TABLE.iter().filter_map(typed).collect();
        Ok(Self { file: matches.get_one(FILE).cloned(), flags, settings: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<S: Settings> Args for Layers<S> {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE)
            .long(FILE)
            .env(S::PREFIX.to_owned() + &FILE.to_uppercase())
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("A TOML file with settings");
        let heading = format!("Settings (also in the file, and as {}<NAME>)", S::PREFIX);
        let flag = |setting: &Setting| {
            let docs: String = setting.docs.concat();
            let flag = Arg::new(setting.name)
                .long(setting.name.replace('_', "-"))
                .value_name("VALUE")
                .help(format!("{} [{}]", docs.trim(), setting.may_be()))
                .help_heading(heading.clone());
            if setting.is_switch {
                flag.num_args(0..=1).default_missing_value("true")
            } else {
                flag
            }
        };
        command.arg(file).args(S::TABLE.iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
