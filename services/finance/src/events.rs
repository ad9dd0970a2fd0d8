//! Facts of finance, as the others hear them. Never a billing name or address.

use kith_platform::db::Tx;
use kith_platform::money::Money;
use kith_proto::common::v1::ErasureReport;
use kith_proto::finance::v1 as pb;

use crate::domain::TransferId;
use crate::domain::coins::Gift;
use crate::domain::invoice::Invoice;
use crate::domain::statement::PayRun;

/// An invoice was issued.
pub fn invoice_issued(tx: &mut Tx, invoice: &Invoice) {
    let state = pb::InvoiceSnapshot {
        invoice_id: invoice.id.to_string(),
        team_id: invoice.team_id.to_string(),
        payer_id: invoice.payer_id.to_string(),
        month: invoice.month.to_string(),
        total: Some(Money::pence(invoice.total).into()),
    };
    tx.publish(invoice.id, &pb::InvoiceIssued { state: Some(state) });
}

/// A run of pay was made.
pub fn pay_run_made(tx: &mut Tx, run: &PayRun) {
    let state = pb::PayRunSnapshot {
        pay_run_id: run.id.to_string(),
        circle_id: run.circle_id.to_string(),
        month: run.month.to_string(),
        statements: run.statements,
        total: Some(Money::pence(run.total).into()),
    };
    tx.publish(run.id, &pb::PayRunMade { state: Some(state) });
}

/// Care Coins were given.
pub fn coins_given(tx: &mut Tx, id: TransferId, gift: Gift) {
    let state = pb::CoinTransferSnapshot {
        transfer_id: id.to_string(),
        from_person_id: gift.from.to_string(),
        to_person_id: gift.to.to_string(),
        amount: Some(Money::coins(gift.minutes).into()),
    };
    tx.publish(id, &pb::CoinTransferMade { state: Some(state) });
}

/// What may go about a person has gone from here.
pub fn erasure_carried_out(report: ErasureReport) -> pb::ErasureCarriedOut {
    pb::ErasureCarriedOut { state: Some(report) }
}
