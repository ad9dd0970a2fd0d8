//! What identity hears from the others: what each has done about an erasure. What it owns depends on nobody.

use kith_platform::db::Tx;
use kith_platform::error::{Error, Result};
use kith_platform::fields::Fields;
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_proto::common::v1::ErasureReport;

use crate::app;
use crate::domain::ErasureId;
use crate::domain::rights::{Kept, Report};

/// The list of aggregates that identity listens to.
pub fn subscriptions() -> Subscriptions {
    Subscriptions::new()
        .on("teams.erasure", |tx, event| Box::pin(erasure(tx, event)))
        .on("matching.erasure", |tx, event| Box::pin(erasure(tx, event)))
        .on("appointments.erasure", |tx, event| Box::pin(erasure(tx, event)))
        .on("finance.erasure", |tx, event| Box::pin(erasure(tx, event)))
        .on("governance.erasure", |tx, event| Box::pin(erasure(tx, event)))
        .on("evaluation.erasure", |tx, event| Box::pin(erasure(tx, event)))
}

async fn erasure(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: ErasureReport = event.state()?;
    let mut fields = Fields::default();
    let id = fields.id::<ErasureId>("erasure_id", &state.erasure_id);
    let mut kept = Vec::new();
    for class in state.kept {
        let until = fields.optional_date("kept.until", &class.until).unwrap_or_default();
        kept.push(Kept { class: class.class, rows: class.rows, until });
    }
    let id = fields.finish(id).map_err(Error::internal)?;
    let report = Report {
        service: state.service,
        deleted_rows: state.deleted_rows,
        blanked_rows: state.blanked_rows,
        id_only_rows: state.id_only_rows,
        kept,
    };
    app::rights::reported(tx, id, report).await?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rights::OTHERS;

    #[test]
    fn identity_listens_to_everybody_who_must_answer_an_erasure() {
        let awaited: Vec<String> = OTHERS.iter().map(|service| format!("{service}.erasure")).collect();
        assert_eq!(subscriptions().aggregates(), awaited);
    }
}
