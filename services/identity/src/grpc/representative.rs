//! `RepresentativesService`.

use std::collections::BTreeSet;

use kith_platform::Host;
use kith_platform::etag;
use kith_platform::fields::{Fields, date_text, timestamp};
use kith_platform::page::Page;
use kith_proto::common::v1::{RepresentationBasis, RepresentationScope};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::representatives_service_server::RepresentativesService;
use tonic::Request;

use super::Reply;
use crate::app::representative::{Decide, List, Record, confirm, end, list, record};
use crate::domain::representative::{Basis, Representative, Scope};
use crate::events;

/// The public face of representatives.
#[derive(Clone, Debug)]
pub struct RepresentativesFace(Host);

impl RepresentativesFace {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl RepresentativesService for RepresentativesFace {
    async fn record_representative(
        &self,
        request: Request<pb::RecordRepresentativeRequest>,
    ) -> Reply<pb::RecordRepresentativeResponse> {
        let render =
            |one: Representative| pb::RecordRepresentativeResponse { representative: Some(one.into()) };
        self.0.command(request, read_record, record, render).await
    }

    async fn confirm_representative(
        &self,
        request: Request<pb::ConfirmRepresentativeRequest>,
    ) -> Reply<pb::ConfirmRepresentativeResponse> {
        let parse = |message: pb::ConfirmRepresentativeRequest, fields: &mut Fields| {
            read_decide(fields, &message.representative_id, &message.etag)
        };
        let render =
            |one: Representative| pb::ConfirmRepresentativeResponse { representative: Some(one.into()) };
        self.0.command(request, parse, confirm, render).await
    }

    async fn end_representative(
        &self,
        request: Request<pb::EndRepresentativeRequest>,
    ) -> Reply<pb::EndRepresentativeResponse> {
        let parse = |message: pb::EndRepresentativeRequest, fields: &mut Fields| {
            read_decide(fields, &message.representative_id, &message.etag)
        };
        let render = |one: Representative| pb::EndRepresentativeResponse { representative: Some(one.into()) };
        self.0.command(request, parse, end, render).await
    }

    async fn list_representatives(
        &self,
        request: Request<pb::ListRepresentativesRequest>,
    ) -> Reply<pb::ListRepresentativesResponse> {
        let parse = |message: pb::ListRepresentativesRequest, fields: &mut Fields| {
            let person = fields.id("person_id", &message.person_id);
            let page = Page::parse(fields, message.page_size, &message.page_token, &message.person_id);
            Some(List { person: person?, page: page? })
        };
        self.0
            .query(request, parse, list, |(found, next_page_token)| pb::ListRepresentativesResponse {
                representatives: found.into_iter().map(Into::into).collect(),
                next_page_token,
            })
            .await
    }
}

fn read_decide(fields: &mut Fields, id: &str, etag: &str) -> Option<Decide> {
    let id = fields.id("representative_id", id);
    let etag = etag::parse(fields, etag);
    Some(Decide { id: id?, etag: etag? })
}

fn read_record(message: pb::RecordRepresentativeRequest, fields: &mut Fields) -> Option<Record> {
    let id = fields.optional_id("id", &message.id);
    let person = fields.id("person_id", &message.person_id);
    let representative = fields.id("representative_person_id", &message.representative_person_id);
    let basis = fields.choice("basis", message.basis, |basis| match basis {
        RepresentationBasis::Nomination => Some(Basis::Nomination),
        RepresentationBasis::AttorneyHealthAndWelfare => Some(Basis::AttorneyHealthAndWelfare),
        RepresentationBasis::AttorneyProperty => Some(Basis::AttorneyProperty),
        RepresentationBasis::Deputyship => Some(Basis::Deputyship),
        RepresentationBasis::Guardian => Some(Basis::Guardian),
        RepresentationBasis::Unspecified => None,
    });
    let mut scopes = BTreeSet::new();
    for (at, scope) in message.scopes.iter().enumerate() {
        scopes.extend(fields.choice(&format!("scopes[{at}]"), *scope, |scope| match scope {
            RepresentationScope::HealthAndWelfare => Some(Scope::HealthAndWelfare),
            RepresentationScope::Property => Some(Scope::Property),
            RepresentationScope::Unspecified => None,
        }));
    }
    if message.scopes.is_empty() {
        fields.wrong::<()>("scopes", "must name at least one");
    }
    let valid_from = fields.optional_date("valid_from", &message.valid_from);
    let valid_until = fields.optional_date("valid_until", &message.valid_until);
    if let (Some(Some(from)), Some(Some(until))) = (valid_from, valid_until)
        && until <= from
    {
        fields.wrong::<()>("valid_until", "must lie after valid_from");
    }
    Some(Record {
        id: id?,
        person: person?,
        acting: representative?,
        basis: basis?,
        scopes,
        valid_from: valid_from?,
        valid_until: valid_until?,
    })
}

impl From<Representative> for pb::Representative {
    fn from(one: Representative) -> Self {
        Self {
            id: one.id.to_string(),
            person_id: one.person.to_string(),
            representative_person_id: one.acting.to_string(),
            basis: events::basis_value(one.basis).into(),
            scopes: events::scope_values(&one),
            valid_from: date_text(Some(one.valid_from)),
            valid_until: date_text(one.valid_until),
            state: events::representation_state(&one).into(),
            confirmed_by_person_id: one.confirmed.map(|(by, _)| by.to_string()).unwrap_or_default(),
            confirmed_time: one.confirmed.map(|(_, at)| timestamp(at)),
            etag: etag::of(one.version),
        }
    }
}
