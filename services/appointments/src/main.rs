//! The process of the appointments service.

fn main() -> std::process::ExitCode {
    kith_platform::main(&kith_appointments::SERVICE)
}
