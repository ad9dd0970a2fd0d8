//! Writes down for every message whom it names: `impl Shows`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::Failure;

/// Field names that are words of Rust, as prost escapes them.
const RESERVED: &[&str] = &["type", "move", "match", "mod", "ref", "use", "where", "for", "in", "loop"];

/// Renders an `impl Shows` for each of our own messages.
pub fn implementations(pool: &DescriptorPool) -> Result<String, Failure> {
    let mut rust = String::new();
    for message in pool.all_messages() {
        let ours = message.full_name().starts_with("kith.");
        if !ours || message.is_map_entry() || message.parent_message().is_some() {
            continue;
        }
        let mut body = String::new();
        for field in message.fields().filter(|field| shows(field, &mut BTreeSet::new())) {
            if field.containing_oneof().is_some_and(|of| !of.is_synthetic()) || field.is_map() {
                return Err(
                    format!("{}: a person must be named outside a oneof or map", field.full_name()).into()
                );
            }
            let name = field.name();
            let name = if RESERVED.contains(&name) { format!("r#{name}") } else { name.to_owned() };
            match (field.kind(), field.is_list()) {
                (Kind::Message(_), true) => {
                    writeln!(
                        body,
                        "        for part in &self.{name} {{\n            part.people(found);\n        }}"
                    )?;
                }
                (Kind::Message(_), false) => writeln!(
                    body,
                    "        if let Some(part) = &self.{name} {{\n            part.people(found);\n        }}"
                )?,
                (_, true) => writeln!(body, "        found.extend(self.{name}.iter().map(String::as_str));")?,
                (_, false) => writeln!(body, "        found.push(&self.{name});")?,
            }
        }
        let rust_path = message.full_name().replace("kith.", "").replace('.', "::");
        let found = if body.is_empty() { "_" } else { "found" };
        writeln!(
            rust,
            "impl Shows for {rust_path} {{\n    fn people<'message>(&'message self, {found}: &mut Vec<&'message str>) {{\n{body}    }}\n}}"
        )?;
    }
    Ok(rust)
}

/// Whether a field names a person, itself or further down.
fn shows(field: &FieldDescriptor, met: &mut BTreeSet<String>) -> bool {
    match field.kind() {
        Kind::Message(message) => names_somebody(&message, met),
        Kind::String => {
            let name = field.name();
            let person = field.parent_message().name() == "Person" && name == "id";
            person || name.ends_with("person_id") || name.ends_with("person_ids")
        }
        _ => false,
    }
}

fn names_somebody(message: &MessageDescriptor, met: &mut BTreeSet<String>) -> bool {
    message.full_name().starts_with("kith.")
        && met.insert(message.full_name().to_owned())
        && message.fields().any(|field| shows(&field, met))
}
