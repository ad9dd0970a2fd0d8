//! The process of the evaluation service.

fn main() -> std::process::ExitCode {
    kith_platform::main(&kith_evaluation::SERVICE)
}
