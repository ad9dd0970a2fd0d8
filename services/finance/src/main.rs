//! The process of the finance service.

fn main() -> std::process::ExitCode {
    kith_platform::main(&kith_finance::SERVICE)
}
