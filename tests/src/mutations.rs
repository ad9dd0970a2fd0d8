//! The table of mutations (`tests/mutations.toml`): one deliberate fault in the product for each promise of isolation, consent,
//! sign-in and audit, with the test that has to notice it. `make mutations` tries them all.

use std::path::Path;

use serde::Deserialize;

/// A deliberate fault, and the test that must not pass with it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// The promise that it breaks, as `reliability` or an item calls it.
    pub breaks: String,
    /// What is wrong then, in words.
    pub what: String,
    /// The file to be changed, from the top of the repository.
    pub file: String,
    /// The text to be replaced, found there exactly once.
    pub find: String,
    /// What stands there then.
    pub replace: String,
    /// The package of the test.
    pub package: String,
    /// The test: its whole path within its program.
    pub test: String,
}

#[derive(Deserialize)]
struct Table {
    mutation: Vec<Mutation>,
}

/// All mutations of the table.
///
/// # Panics
///
/// Where the table cannot be read.
pub fn all() -> Vec<Mutation> {
    let table: Table = toml::from_str(include_str!("../mutations.toml")).expect("the table of mutations");
    table.mutation
}

impl Mutation {
    /// The text of the file below `top` with the fault in it; none where the text is not found exactly once.
    pub fn spoilt(&self, top: &Path) -> Result<String, String> {
        let text = std::fs::read_to_string(top.join(&self.file))
            .map_err(|error| format!("{}: {error}", self.file))?;
        match text.matches(&self.find).count() {
            1 => Ok(text.replacen(&self.find, &self.replace, 1)),
            times => {
                Err(format!("{}: what is to be replaced is found {times} times: {}", self.file, self.find))
            }
        }
    }
}
