//! Reads the command line and the environment.
//!
//! Settings of the installation are global: they may come before or after the command. All other
//! settings belong to the command that uses them, and come after it.

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, Error, FromArgMatches};

use super::Cli;

/// The prefix of our environment variables.
const PREFIX: &str = "PHOTOLOG_";

/// Variables of the edge, which is a separate program but often shares an environment file.
const EDGE_VARIABLES: [&str; 1] = ["PHOTOLOG_EDGE_CACHE_BYTES"];

/// The minimum similarity at which an unknown name is taken for a misspelling of a known one.
const NEAR: f64 = 0.85;

/// Settings of the installation that a command accepts but does not use.
const IDLE: &[(&str, &[&str])] = &[
    ("projector", &["data_dir", "blob_url"]),
    ("migrate", &["blob_url"]),
    ("account", &["blob_url"]),
    ("key", &["blob_url"]),
    ("master-key", &["blob_url"]),
    ("rebuild", &["blob_url"]),
];

impl Cli {
    /// Reads the arguments of this process; exits if they cannot be used.
    pub fn read() -> Self {
        Self::try_read(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Reads arguments, the first of which is the program's name.
    ///
    /// # Errors
    /// When an argument or a variable cannot be used.
    pub fn try_read(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, Error> {
        let mut command = shape();
        let matches = command.try_get_matches_from_mut(arguments)?;
        refuse_misplaced(&mut command, &matches)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// The command line, with help that shows a setting only where it has an effect.
fn shape() -> Command {
    let mut command = Cli::command();
    for (name, settings) in IDLE {
        let hidden: Vec<Arg> = command
            .get_arguments()
            .filter(|setting| settings.contains(&setting.get_id().as_str()))
            .map(|setting| setting.clone().hide(true))
            .collect();
        command = command.mut_subcommand(name, |subcommand| subcommand.args(hidden));
    }
    command
}

/// Rejects a setting for serving before a command, where it would have no effect.
fn refuse_misplaced(command: &mut Command, matches: &ArgMatches) -> Result<(), Error> {
    let Some(name) = matches.subcommand_name() else {
        return Ok(());
    };
    let misplaced = command.get_arguments().find(|setting| {
        let source = matches.value_source(setting.get_id().as_str());
        !setting.is_global_set() && source == Some(ValueSource::CommandLine)
    });
    let Some(misplaced) = misplaced else {
        return Ok(());
    };
    let id = misplaced.get_id();
    let acts = command
        .find_subcommand(name)
        .is_some_and(|subcommand| subcommand.get_arguments().any(|own| own.get_id() == id));
    let flag = misplaced.get_long().unwrap_or_default();
    let problem = match acts {
        true => format!("--{flag} must stand after `{name}`"),
        false => format!("--{flag} does not act on `photolog {name}`"),
    };
    Err(command.error(ErrorKind::ArgumentConflict, problem))
}

/// Warnings about variables of this process that have our prefix but are not settings.
pub fn unknown_variables() -> Vec<String> {
    unknown(std::env::vars_os().map(|(name, _)| name))
}

fn unknown(names: impl Iterator<Item = OsString>) -> Vec<String> {
    let known = known_variables();
    names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with(PREFIX) && !is_of_kubernetes(name))
        .filter(|name| !known.contains(name))
        .map(|name| match nearest(&name, &known) {
            Some(meant) => format!("{name} is not a setting; did you mean {meant}?"),
            None => format!("{name} is not a setting"),
        })
        .collect()
}

/// Whether Kubernetes set the variable, as it does in containers that see a service named
/// `photolog`.
fn is_of_kubernetes(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.contains("_PORT")
}

fn known_variables() -> Vec<String> {
    let mut known = EDGE_VARIABLES.map(str::to_owned).to_vec();
    let mut commands = vec![Cli::command()];
    while let Some(command) = commands.pop() {
        let variables = command.get_arguments().filter_map(Arg::get_env);
        known.extend(variables.filter_map(OsStr::to_str).map(str::to_owned));
        commands.extend(command.get_subcommands().cloned());
    }
    known
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    // All names share the prefix, which must not count towards their similarity.
    let rest = |name: &'a str| name.strip_prefix(PREFIX).unwrap_or(name);
    let name = name.strip_prefix(PREFIX)?;
    let scored = known
        .iter()
        .map(|known| (strsim::jaro_winkler(name, rest(known)), known.as_str()));
    let (score, nearest) = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (score >= NEAR).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(arguments: &[&str]) -> String {
        let arguments = [&["photolog"], arguments, &["--help"]].concat();
        Cli::try_read(arguments).unwrap_err().to_string()
    }

    #[test]
    fn the_command_line_is_consistent() {
        shape().debug_assert();
    }

    #[test]
    fn help_shows_a_setting_only_where_it_acts() {
        let settings = [
            "--data-dir",
            "--database-url",
            "--blob-url",
            "--log",
            "--listen",
            "--nats-url",
        ];
        for (command, acting) in [
            ([].as_slice(), "111111"),
            (&["serve"], "111111"),
            (&["api"], "111110"),
            (&["projector"], "010101"),
            (&["backup"], "111100"),
            (&["restore"], "111100"),
            (&["verify"], "111100"),
            (&["gc"], "111100"),
            (&["migrate"], "110100"),
            (&["rebuild"], "110100"),
            (&["account", "create"], "110100"),
            (&["key", "issue"], "110100"),
            (&["master-key", "rotate"], "110100"),
        ] {
            let help = help(command);
            let shown = settings.map(|setting| {
                let line = format!("{setting} <");
                if help.contains(&line) { '1' } else { '0' }
            });
            assert_eq!(String::from_iter(shown), acting, "{command:?}: {help}");
            assert!(help.contains("Installation:"), "{help}");
        }
    }

    #[test]
    fn a_setting_of_the_place_may_stand_before_the_command() {
        for arguments in [
            ["photolog", "--data-dir", "/srv/a", "account", "list"],
            ["photolog", "account", "--data-dir", "/srv/a", "list"],
            ["photolog", "account", "list", "--data-dir", "/srv/a"],
            ["photolog", "--data-dir", "/srv/a", "master-key", "rotate"],
        ] {
            let cli = Cli::try_read(arguments).unwrap();
            assert_eq!(cli.place.data_dir.to_str(), Some("/srv/a"), "{arguments:?}");
        }
    }

    #[test]
    fn a_setting_of_serving_acts_or_is_refused() {
        let cli = Cli::try_read(["photolog", "--rate-limit", "7"]).unwrap();
        assert_eq!(cli.all_roles.serving.limits.rate_limit, 7);
        let cli = Cli::try_read(["photolog", "api", "--rate-limit", "7"]).unwrap();
        assert!(
            matches!(cli.command, Some(crate::cli::Command::Api(serving))
            if serving.limits.rate_limit == 7)
        );
        for (arguments, complaint) in [
            (
                ["photolog", "--rate-limit=7", "api"],
                "--rate-limit must stand after `api`",
            ),
            (
                ["photolog", "--rate-limit=7", "verify"],
                "does not act on `photolog verify`",
            ),
            (["photolog", "verify", "--rate-limit=7"], "--rate-limit"),
        ] {
            let error = Cli::try_read(arguments).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn a_misspelt_variable_is_reported_with_the_one_that_was_meant() {
        let names = [
            "PHOTOLOG_BLOB_ULR",
            "PHOTOLOG_DATADIR",
            "PHOTOLOG_WEATHER",
            "PHOTOLOG_LISTEN",
            "PHOTOLOG_GC_GRACE_HOURS",
            "PHOTOLOG_EDGE_CACHE_BYTES",
            "PHOTOLOG_PORT_8080_TCP_ADDR",
            "PHOTOLOG_API_SERVICE_HOST",
            "HOME",
        ];
        let complaint = unknown(names.into_iter().map(OsString::from));
        assert_eq!(
            complaint,
            [
                "PHOTOLOG_BLOB_ULR is not a setting; did you mean PHOTOLOG_BLOB_URL?",
                "PHOTOLOG_DATADIR is not a setting; did you mean PHOTOLOG_DATA_DIR?",
                "PHOTOLOG_WEATHER is not a setting",
            ]
        );
    }

    #[test]
    fn a_refused_secret_is_not_repeated() {
        for setting in [
            "--edge-secret=hunter2",
            "--edges=https://user:hunter2@127.0.0.1",
            "--blob-url=s3://key:hunter2@pictures",
        ] {
            let error = Cli::try_read(["photolog", setting]).unwrap_err();
            let said = error.to_string();
            let name = setting.split('=').next().unwrap();
            assert!(said.contains(name), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
