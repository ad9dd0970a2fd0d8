//! The process of the teams service.

fn main() -> std::process::ExitCode {
    kith_platform::main(&kith_teams::SERVICE)
}
