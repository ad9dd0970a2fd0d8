//! `kith subject-access`: everything that the seven services hold about one person, in one machine-readable file.
//!
//! Signed in as the person themself, or as who handles their access request. Nothing is kept here and nothing is left
//! out: the manifest names every table that can hold something about a person, those without a row included.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use chrono::SecondsFormat;
use kith_platform::clock::Clock;
use kith_platform::id::hex;
use kith_proto::common::v1::{ExportPersonRequest, PersonalRow};
use kith_proto::identity::v1::ExportSignInRequest;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::client::{Addresses, Credentials, Hub, Place, Service, Session};
use crate::operator::private;

/// Rows of one page.
const PAGE: i32 = 500;

/// What `kith subject-access` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Short name of the tenant to sign in to
    #[arg(long)]
    pub tenant: String,
    /// E-mail address to sign in with
    #[arg(long)]
    pub email: String,
    /// Private file with the password
    #[arg(long, value_name = "FILE")]
    pub password_file: PathBuf,
    /// Whose data, where the caller handles that person's access request; the caller's own otherwise
    #[arg(long, value_name = "UUID")]
    pub person: Option<String>,
    /// Where to write the bundle; must not be there yet
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub addresses: Addresses,
}

/// Everything about one person.
#[derive(Clone, Debug, Serialize)]
pub struct Bundle {
    /// What this file is.
    pub format: &'static str,
    /// Whose data.
    pub person_id: String,
    /// RFC 3339.
    pub made_at: String,
    /// Every table that can hold something about a person.
    pub manifest: Vec<Part>,
    /// SHA-256 over the manifest as JSON.
    pub manifest_sha256: String,
    /// By service and table, the rows.
    pub data: BTreeMap<String, BTreeMap<String, Vec<Value>>>,
}

/// A table's share of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Which service.
    pub service: String,
    /// `<schema>.<table>`.
    pub table: String,
    /// Its columns that can name a person, and as what.
    pub columns: BTreeMap<String, String>,
    /// How many rows name this one.
    pub rows: usize,
    /// SHA-256 over the rows as JSON.
    pub sha256: String,
}

/// Runs the command.
pub async fn run(args: Args) -> Result<ExitCode> {
    ensure!(!args.out.exists(), "{} is there already", args.out.display());
    let password = private(&args.password_file)?;
    let credentials =
        Credentials { email: args.email.clone(), password, place: Place::Tenant(args.tenant.clone()) };
    let hub = Arc::new(Hub::new(&args.addresses)?);
    let bundle = compose(&Session::new(hub, "the caller", credentials), args.person).await?;
    let text = serde_json::to_string_pretty(&bundle)?;
    let file = fs::OpenOptions::new();
    write_private(file, &args.out, &text).with_context(|| format!("cannot write {}", args.out.display()))?;
    let rows: usize = bundle.manifest.iter().map(|part| part.rows).sum();
    println!(
        "{rows} rows of {} tables of {} services are in {}",
        bundle.manifest.len(),
        bundle.data.len(),
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn write_private(mut file: fs::OpenOptions, path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    file.write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// Asks all seven and puts their answers together.
pub async fn compose(session: &Session, person: Option<String>) -> Result<Bundle> {
    let own = person.is_none();
    let person_id = match person {
        Some(person) => person,
        None => session.person_id().await?,
    };
    let (mut data, mut manifest) = (BTreeMap::new(), Vec::new());
    for service in Service::ALL {
        let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut columns: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut page_token = String::new();
        loop {
            let request = ExportPersonRequest { person_id: person_id.clone(), page_size: PAGE, page_token };
            let page = session.call_at(service, request).await?;
            for column in page.columns {
                columns.entry(column.table).or_default().insert(column.column, column.capacity);
            }
            add(&mut tables, page.rows)?;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        if service == Service::Identity && own {
            add(&mut tables, session.call(ExportSignInRequest {}).await?.rows)?;
        }
        for (table, columns) in columns {
            let rows = tables.entry(table.clone()).or_default();
            let sha256 = hash(rows)?;
            manifest.push(Part { service: service.name().into(), table, columns, rows: rows.len(), sha256 });
        }
        data.insert(service.name().to_owned(), tables);
    }
    Ok(Bundle {
        format: "kith.subject-access.v1",
        person_id,
        made_at: Clock::System.now().to_rfc3339_opts(SecondsFormat::Secs, true),
        manifest_sha256: hash(&manifest)?,
        manifest,
        data,
    })
}

fn add(tables: &mut BTreeMap<String, Vec<Value>>, rows: Vec<PersonalRow>) -> Result<()> {
    for row in rows {
        let value =
            serde_json::from_str(&row.json).context("a service answered something that is no JSON")?;
        tables.entry(row.table).or_default().push(value);
    }
    Ok(())
}

fn hash(value: &impl Serialize) -> Result<String> {
    Ok(hex(&Sha256::digest(serde_json::to_vec(value)?)))
}
