//! `kith month`: takes a circle's month in through the public API as the people themselves would, each signed in as who
//! they are, and shows what it came to. Running it again changes nothing; a run that was cut short goes on where it was.

pub(crate) mod accounts;
mod appointments;
mod backlog;
mod changes;
mod compare;
mod consent;
mod evaluation;
mod fields;
mod figures;
mod finance;
mod governance;
mod identity;
mod matching;
mod plan;
mod progress;
mod read;
mod rule;
mod run;
mod scenario;
mod tables;
mod teams;
mod world;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use kith_platform::clock::Clock;
use serde_json::Value;

use crate::client::Addresses;
use compare::compare;
use figures::Account;
use scenario::Scenario;

/// Exit status for a file with a mistake in it: nothing was sent.
const BAD_FILE: u8 = 2;

/// What `kith month` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A scenario file, such as services/kith/data/first_month/scenario.json
    pub scenario: PathBuf,
    /// A file with the figures that the month must come to; exit status 1 where any differs
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// Private file with the one-time host code; needed only before the host has its first operator
    #[arg(
        long,
        env = "KITH_HOST_CODE_FILE",
        default_value = ".local/secrets/host_code",
        value_name = "FILE"
    )]
    pub host_code_file: PathBuf,
    /// Private file that the invented people's passwords are made from; made by the first run
    #[arg(long, env = "KITH_PASSWORD_SEED", default_value = ".local/secrets/month", value_name = "FILE")]
    pub password_seed: PathBuf,
    /// File to which each attempt and each final answer is appended as a line of JSON; for fault tests
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// E-mail address of the host's operator
    #[arg(
        long,
        env = "KITH_OPERATOR_EMAIL",
        default_value = "operator@host.example",
        value_name = "ADDRESS"
    )]
    pub operator_email: String,
    /// Where the services are
    #[command(flatten)]
    pub addresses: Addresses,
}

impl Args {
    /// Takes these private files where nothing else was said.
    pub fn use_secrets(&mut self, host_code: &Path, password_seed: &Path) {
        if self.host_code_file == Path::new(".local/secrets/host_code") {
            host_code.clone_into(&mut self.host_code_file);
        }
        if self.password_seed == Path::new(".local/secrets/month") {
            password_seed.clone_into(&mut self.password_seed);
        }
    }
}

/// Takes the month in, prints it, and compares it where figures are expected.
pub async fn run(args: Args) -> Result<ExitCode> {
    let (scenario, expected) = match read_files(&args) {
        Ok(read) => read,
        Err(lines) => {
            for line in lines {
                eprintln!("{line}");
            }
            return Ok(ExitCode::from(BAD_FILE));
        }
    };
    let name = format!("{}, {}", scenario.circle, scenario.month);
    eprintln!("taking in {name}");
    let (scenario, account) = run::run(scenario, &args).await?;
    print!("{}", tables::render(&scenario, &account));
    let equal = print_verdict(&account, expected.as_ref())?;
    if account.is_preparing {
        println!(
            "\nThe tenant {:?} is still in preparation, so that more of its history can be brought in. Its administrator\n\
             ends that with the call GoLive of identity's TenantService.",
            scenario.tenant
        );
    }
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads both files before anything is sent, or returns every mistake in them with its place.
fn read_files(args: &Args) -> Result<(Scenario, Option<Value>), Vec<String>> {
    let mut mistakes = Vec::new();
    let mut in_file = |path: &Path, lines: Vec<String>| {
        mistakes.extend(lines.into_iter().map(|line| format!("{}: {line}", path.display())));
    };
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => vec!["is no text in UTF-8; save it as UTF-8 and try again".to_owned()],
            _ => vec![format!("cannot be read: {error}")],
        })
    };
    let scenario = match read(&args.scenario).and_then(|text| read::scenario(&text)) {
        Ok(scenario) => {
            in_file(&args.scenario, read::times::that_lie_ahead(&scenario, Clock::System.now()));
            Some(scenario)
        }
        Err(lines) => {
            in_file(&args.scenario, lines);
            None
        }
    };
    let mut expected = None;
    if let Some(path) = &args.expect {
        let parse = |text: String| fields::json(&text).map_err(|problem| vec![problem]);
        match read(path).and_then(parse) {
            Ok(Value::Object(figures)) => expected = Some(Value::Object(figures)),
            Ok(other) => in_file(path, vec![format!("must be an object, not {}", fields::kind(&other))]),
            Err(lines) => in_file(path, lines),
        }
    }
    match scenario {
        Some(scenario) if mistakes.is_empty() => Ok((scenario, expected)),
        _ => Err(mistakes),
    }
}

/// Says whether all is well: the services agree with one another, and with what is expected.
fn print_verdict(account: &Account, expected: Option<&Value>) -> Result<bool> {
    let mut is_well = true;
    println!();
    for disagreement in &account.disagreements {
        println!("does not fit: {disagreement}");
        is_well = false;
    }
    let Some(expected) = expected else { return Ok(is_well) };
    let got = serde_json::to_value(&account.figures).context("the figures cannot be written as JSON")?;
    let comparison = compare(expected, &got);
    for difference in &comparison.differences {
        println!("differs: {difference}");
    }
    let all = comparison.equal + comparison.differences.len();
    if comparison.differences.is_empty() {
        println!("all {all} figures equal");
        return Ok(is_well);
    }
    println!("{} of {all} figures differ", comparison.differences.len());
    Ok(false)
}
