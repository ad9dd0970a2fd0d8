//! What identity hears from the others: nothing yet; what it owns depends on nobody.

use kith_platform::inbox::Subscriptions;

/// The list of aggregates that identity listens to.
pub fn subscriptions() -> Subscriptions {
    Subscriptions::new()
}
