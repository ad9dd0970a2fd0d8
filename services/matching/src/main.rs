//! The process of the matching service.

fn main() -> std::process::ExitCode {
    kith_platform::main(&kith_matching::SERVICE)
}
