//! Compiles every `.proto` below `kith/` with protox (no protoc) and writes down what the contracts say of
//! themselves: each method's access and each event's type, as plain Rust tables.

#[path = "build_shows.rs"]
mod shows;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, Value};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut files = Vec::new();
    find_protos(&root.join("kith"), &mut files)?;
    files.sort();
    for path in ["kith", "build.rs", "build_shows.rs"] {
        println!("cargo:rerun-if-changed={path}");
    }

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    std::fs::write(out.join("descriptor.bin"), compiler.encode_file_descriptor_set())?;
    let pool = compiler.descriptor_pool();
    std::fs::write(out.join("contracts.rs"), contracts(&pool)? + &shows::implementations(&pool)?)?;

    let mut config = tonic_prost_build::Config::new();
    config.include_file("kith.rs");
    config.enable_type_names();
    tonic_prost_build::configure().compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}

fn find_protos(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_protos(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    Ok(())
}

/// Renders `METHODS` and `EVENTS`, refusing a method without an access and an event out of shape.
fn contracts(pool: &DescriptorPool) -> Result<String, Failure> {
    let access = pool.get_extension_by_name("kith.common.v1.access").ok_or("option access is gone")?;
    let event = pool.get_extension_by_name("kith.common.v1.event").ok_or("option event is gone")?;

    let mut commands = String::new();
    let mut methods = BTreeMap::new();
    for service in pool.services().filter(|service| service.full_name().starts_with("kith.")) {
        for method in service.methods() {
            let name = method.full_name();
            let variant = match method.options().get_extension(&access).as_enum_number() {
                Some(1) => "Public",
                Some(2) => "Person",
                Some(3) => "Operator",
                _ => return Err(format!("{name} does not say who has access").into()),
            };
            let path = format!("/{}/{}", service.full_name(), method.name());
            let changes = method.input().get_field_by_name("request_id").is_some();
            if changes {
                let rust_path = method.input().full_name().replace("kith.", "").replace('.', "::");
                writeln!(
                    commands,
                    "impl Command for {rust_path} {{\n    fn request_id(&self) -> &str {{\n        &self.request_id\n    }}\n}}"
                )?;
            }
            let rendered = format!(
                "    Method {{ path: {path:?}, input: {:?}, output: {:?}, access: Access::{variant}, changes_state: {changes} }},\n",
                method.input().full_name(),
                method.output().full_name(),
            );
            methods.insert(path, rendered);
        }
    }
    let mut rust = String::from(
        "/// Every method of every service, in the order of their paths.\npub const METHODS: &[Method] = &[\n",
    );
    rust.extend(methods.into_values());
    rust.push_str("];\n\n/// Every event.\npub const EVENTS: &[EventType] = &[\n");
    let mut impls = String::new();
    for message in pool.all_messages() {
        let options = message.options();
        if !options.has_extension(&event) {
            continue;
        }
        let name = message.full_name().to_owned();
        let Value::Message(said) = options.get_extension(&event).into_owned() else {
            return Err(format!("{name}: the event option is not a message").into());
        };
        let event_type = said
            .get_field_by_name("type")
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default();
        let parts: Vec<&str> = event_type.split('.').collect();
        let package = format!("kith.{}.v1", parts[0]);
        if parts.len() != 4 || parts[3] != "v1" || message.parent_file().package_name() != package {
            return Err(
                format!("{name}: type {event_type:?} is not <service>.<aggregate>.<past_tense>.v1").into()
            );
        }
        let state = message.get_field(1).filter(|field| field.name() == "state");
        if state.and_then(|field| field.kind().as_message().cloned()).is_none() {
            return Err(format!("{name}: field 1 must be the aggregate's `state` message").into());
        }
        let aggregate = format!("{}.{}", parts[0], parts[1]);
        writeln!(
            rust,
            "    EventType {{ message: {name:?}, event_type: {event_type:?}, aggregate: {aggregate:?} }},"
        )?;
        let rust_path = format!("{}::v1::{}", parts[0], message.name());
        writeln!(
            impls,
            "impl Event for {rust_path} {{\n    const TYPE: &'static str = {event_type:?};\n    const AGGREGATE: &'static str = {aggregate:?};\n}}"
        )?;
    }
    rust.push_str("];\n\n");
    rust.push_str(&commands);
    rust.push_str(&impls);
    Ok(rust)
}
