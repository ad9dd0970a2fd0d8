//! Bad input of every kind, against seven real services with a month in them: each refusal is a clear status with its
//! reason, all wrong fields are named at once, and nothing half-done stays.

mod cases;

use std::collections::BTreeMap;
use std::process::Command;

use cases::{Cases, Stage};
use kith_platform::testing::{reason, wrong_fields};
use kith_tests::stack::Stack;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use tonic_types::StatusExt as _;
