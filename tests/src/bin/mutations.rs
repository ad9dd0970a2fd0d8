//! `make mutations`: breaks the product on purpose, one fault at a time, and looks that the test named for it notices.
//! All of it on a copy of the last commit, with servers of its own. Exit status 1 where a fault went unnoticed.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use kith_tests::mutations::{Mutation, all};

const HELP: &str =
    "mutations [--only WORD,...]     tries those whose promise, words, file or test hold one of the words";

/// The longest that a test may take with the fault in it, in seconds: `timeout`'s own exit status is no verdict.
const LONGEST: &str = "900";
const TIMED_OUT: i32 = 124;

/// A copy of the last commit that may be broken.
struct Copy {
    top: PathBuf,
    servers: Vec<(String, String)>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut only, mut seen_green): (Vec<String>, bool) = (Vec::new(), false);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.len()) {
            ("--seen-green", _) => seen_green = true,
            ("--only", 1..) => {
                let words = arguments.next().unwrap_or_default();
                only = words.split(',').map(str::to_owned).collect();
            }
            _ => {
                eprintln!("{HELP}");
                return ExitCode::from(2);
            }
        }
    }
    let chosen: Vec<Mutation> =
        all().into_iter().filter(|one| only.is_empty() || holds(one, &only)).collect();
    match run(&chosen, seen_green) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

fn holds(one: &Mutation, words: &[String]) -> bool {
    let said = [&one.breaks, &one.what, &one.file, &one.test];
    words.iter().any(|word| said.iter().any(|text| text.contains(word)))
}

fn run(chosen: &[Mutation], seen_green: bool) -> Result<bool, String> {
    let copy = Copy::of_last_commit()?;
    let caught = copy.try_all(chosen, seen_green);
    copy.kith(&["servers", "stop"]).status().ok();
    let caught = caught?;
    println!("\nmutations caught: {caught} of {}", chosen.len());
    Ok(caught == chosen.len())
}

impl Copy {
    fn of_last_commit() -> Result<Self, String> {
        let here = std::env::current_dir().map_err(|error| error.to_string())?;
        let top = here.join("target/mutations");
        if !top.join(".git").exists() {
            done(Command::new("git").args(["clone", "--quiet", "--shared", "--no-checkout", "."]).arg(&top))?;
        }
        let head =
            Command::new("git").args(["rev-parse", "HEAD"]).output().map_err(|error| error.to_string())?;
        let head = String::from_utf8_lossy(&head.stdout).trim().to_owned();
        done(Command::new("git").current_dir(&top).args(["fetch", "--quiet", "origin", &head]))?;
        done(
            Command::new("git").current_dir(&top).args(["checkout", "--quiet", "--force", "--detach", &head]),
        )?;
        let mut copy = Self { top, servers: Vec::new() };
        done(copy.cargo().args(["build", "--workspace"]))?;
        done(&mut copy.kith(&["servers", "up"]))?;
        let told = copy.kith(&["servers", "env"]).output().map_err(|error| error.to_string())?;
        copy.servers = String::from_utf8_lossy(&told.stdout)
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim_matches(['\'', '"']).to_owned()))
            .collect();
        Ok(copy)
    }

    fn try_all(&self, chosen: &[Mutation], seen_green: bool) -> Result<usize, String> {
        let tests: BTreeSet<(&str, &str)> = chosen
            .iter()
            .filter(|_| !seen_green)
            .map(|one| (one.package.as_str(), one.test.as_str()))
            .collect();
        for (package, test) in tests {
            if let Verdict::Caught(by) = self.ask(package, test)? {
                return Err(format!("{test} is red without any fault: {by}"));
            }
        }
        let mut caught = 0;
        for (number, one) in chosen.iter().enumerate() {
            let began = Instant::now();
            let file = self.top.join(&one.file);
            let whole = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
            write(&file, &one.spoilt(&self.top)?)?;
            let verdict = done(self.cargo().args(["build", "--workspace"]))
                .and_then(|()| self.ask(&one.package, &one.test));
            write(&file, &whole)?;
            let (word, by) = match verdict {
                Ok(Verdict::Caught(by)) => ("caught", by),
                Ok(Verdict::Unnoticed) => ("UNNOTICED", String::new()),
                Err(problem) => ("NOT TRIED", problem),
            };
            caught += usize::from(word == "caught");
            println!(
                "{:>3} {word:<9} {:<12} {} [{}, {:.0} s]\n              {by}",
                number + 1,
                one.breaks,
                one.what,
                one.test,
                began.elapsed().as_secs_f64()
            );
            std::io::stdout().flush().ok();
        }
        Ok(caught)
    }

    /// What the test says. It has to compile, to exist and to end, otherwise nothing was tried.
    fn ask(&self, package: &str, test: &str) -> Result<Verdict, String> {
        done(self.cargo().args(["test", "--package", package, "--lib", "--tests", "--no-run"]))?;
        let output = Command::new("timeout")
            .arg(LONGEST)
            .args([
                "cargo",
                "test",
                "--quiet",
                "--package",
                package,
                "--lib",
                "--tests",
                "--no-fail-fast",
                "--",
                "--exact",
                test,
            ])
            .current_dir(&self.top)
            .envs(self.servers.iter().map(|(name, value)| (name, value)))
            .output()
            .map_err(|error| error.to_string())?;
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(TIMED_OUT) {
            return Err(format!("{test} did not end within {LONGEST} s"));
        }
        if said.contains("test result: FAILED. 0 passed; 1 failed") {
            let panic = said.lines().skip_while(|line| !line.contains("panicked at")).skip(1).take(4);
            let words: Vec<&str> = panic.flat_map(str::split_whitespace).collect();
            return Ok(Verdict::Caught(words.join(" ").chars().take(160).collect()));
        }
        if output.status.success() && said.contains("test result: ok. 1 passed") {
            return Ok(Verdict::Unnoticed);
        }
        Err(format!("{package} has no test {test}, or it could not be asked:\n{said}"))
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&self.top).env_remove("CARGO_TARGET_DIR");
        cargo
    }

    fn kith(&self, arguments: &[&str]) -> Command {
        let mut kith = Command::new("target/debug/kith");
        kith.current_dir(&self.top).env("KITH_LOCAL_DIR", ".local/test").args(arguments);
        kith
    }
}

enum Verdict {
    /// It failed, and said this.
    Caught(String),
    Unnoticed,
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Runs a command to its end; what it says is told only where it fails.
fn done(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr)))
}
