//! The process of the identity service.

fn main() -> std::process::ExitCode {
    kith_platform::main(&kith_identity::SERVICE)
}
