//! `DocumentsService`.

use kith_platform::Host;
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::documents_service_server::DocumentsService;
use tonic::Request;

use super::{Reply, parse, render};
use crate::app;

/// Invoices, statements, and what a month came to.
#[derive(Clone, Debug)]
pub struct Documents(Host);

impl Documents {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl DocumentsService for Documents {
    async fn issue_invoices(
        &self,
        request: Request<pb::IssueInvoicesRequest>,
    ) -> Reply<pb::IssueInvoicesResponse> {
        self.0
            .command(request, parse::issue_invoices, app::invoice::issue, |invoices| {
                pb::IssueInvoicesResponse { invoices: invoices.into_iter().map(Into::into).collect() }
            })
            .await
    }

    async fn get_invoice(&self, request: Request<pb::GetInvoiceRequest>) -> Reply<pb::GetInvoiceResponse> {
        self.0
            .query(request, parse::get_invoice, app::invoice::get, |invoice| pb::GetInvoiceResponse {
                invoice: Some(render::whole_invoice(invoice)),
            })
            .await
    }

    async fn list_invoices(
        &self,
        request: Request<pb::ListInvoicesRequest>,
    ) -> Reply<pb::ListInvoicesResponse> {
        self.0
            .query(request, parse::list_invoices, app::invoice::list, |(invoices, next_page_token)| {
                pb::ListInvoicesResponse {
                    invoices: invoices.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }

    async fn run_pay(&self, request: Request<pb::RunPayRequest>) -> Reply<pb::RunPayResponse> {
        self.0
            .command(request, parse::run_pay, app::statement::run_pay, |statements| pb::RunPayResponse {
                statements: statements.into_iter().map(Into::into).collect(),
            })
            .await
    }

    async fn list_statements(
        &self,
        request: Request<pb::ListStatementsRequest>,
    ) -> Reply<pb::ListStatementsResponse> {
        self.0
            .query(request, parse::list_statements, app::statement::list, |(statements, next_page_token)| {
                pb::ListStatementsResponse {
                    statements: statements.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }

    async fn get_month(&self, request: Request<pb::GetMonthRequest>) -> Reply<pb::GetMonthResponse> {
        self.0.query(request, parse::get_month, app::month::get, render::month).await
    }
}
