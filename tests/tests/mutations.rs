//! The table of mutations fits the code: `make mutations` takes long and is not part of every run.

use std::path::Path;

use kith_tests::mutations::all;

#[test]
fn every_mutation_still_fits_the_code_and_has_its_test() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the top of the repository");
    let mut sources = String::new();
    for folder in ["services", "tests"] {
        read(&top.join(folder), &mut sources);
    }
    let mutations = all();
    let problems: Vec<String> = mutations
        .iter()
        .flat_map(|one| {
            let name = one.test.rsplit("::").next().unwrap_or_default();
            let test = sources.contains(&format!("fn {name}("));
            let missing = (!test).then(|| format!("no test is called {}", one.test));
            [one.spoilt(top).err(), missing].into_iter().flatten()
        })
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
    println!("mutations in the table: {}, all fit", mutations.len());
}

/// Reads all Rust below a folder.
fn read(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            sources.push_str(&std::fs::read_to_string(&path).expect("a source file"));
        }
    }
}
