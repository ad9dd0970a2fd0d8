//! The process of the governance service.

fn main() -> std::process::ExitCode {
    kith_platform::main(&kith_governance::SERVICE)
}
