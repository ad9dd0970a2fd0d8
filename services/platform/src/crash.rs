//! Crash points for the fault tests: `KITH_CRASH_POINT=K4` aborts the process when it gets there.
//!
//! K1 before commit, K2 after commit and before publish, K3 published and not confirmed, K4 confirmed and not marked,
//! K5 delivered and not in the inbox, K6 in the inbox and not acknowledged, K7 inside the handler's transaction, K8
//! handled and not replied. Compiled into debug builds only.

/// Aborts here where the environment asks for it.
#[inline]
pub(crate) fn point(name: &str) {
    #[cfg(debug_assertions)]
    if std::env::var_os("KITH_CRASH_POINT").is_some_and(|wanted| wanted == name) {
        std::process::abort();
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}
