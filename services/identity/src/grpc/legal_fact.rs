//! `LegalFactsService`.

use kith_platform::Host;
use kith_platform::etag;
use kith_platform::fields::{Fields, date_text, timestamp};
use kith_platform::page::Page;
use kith_proto::common::v1::RepresentationBasis;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::legal_facts_service_server::LegalFactsService;
use tonic::Request;

use super::Reply;
use crate::app::legal_fact::{
    Correct, Decide, List, Record, Versions, confirm, correct, end, list, record, versions,
};
use crate::domain::legal_fact::{Content, Kind, LegalFact, Step, Version, Writer, Written};
use crate::events;

/// The longest name, in characters.
const LONGEST_NAME: usize = 100;
/// The longest words about where the original is, in characters.
const LONGEST_PLACE: usize = 200;

/// The public face of legal facts.
#[derive(Clone, Debug)]
pub struct LegalFactsFace(Host);

impl LegalFactsFace {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

#[tonic::async_trait]
impl LegalFactsService for LegalFactsFace {
    async fn record_legal_fact(
        &self,
        request: Request<pb::RecordLegalFactRequest>,
    ) -> Reply<pb::RecordLegalFactResponse> {
        let render = |fact: LegalFact| pb::RecordLegalFactResponse { legal_fact: Some(fact.into()) };
        self.0.command(request, read_record, record, render).await
    }

    async fn correct_legal_fact(
        &self,
        request: Request<pb::CorrectLegalFactRequest>,
    ) -> Reply<pb::CorrectLegalFactResponse> {
        let render = |fact: LegalFact| pb::CorrectLegalFactResponse { legal_fact: Some(fact.into()) };
        self.0.command(request, read_correct, correct, render).await
    }

    async fn confirm_original(
        &self,
        request: Request<pb::ConfirmOriginalRequest>,
    ) -> Reply<pb::ConfirmOriginalResponse> {
        let render = |fact: LegalFact| pb::ConfirmOriginalResponse { legal_fact: Some(fact.into()) };
        self.0.command(request, read_confirm, confirm, render).await
    }

    async fn end_legal_fact(
        &self,
        request: Request<pb::EndLegalFactRequest>,
    ) -> Reply<pb::EndLegalFactResponse> {
        let parse = |message: pb::EndLegalFactRequest, fields: &mut Fields| {
            let id = fields.id("legal_fact_id", &message.legal_fact_id);
            let etag = etag::parse(fields, &message.etag);
            Some(Decide { id: id?, etag: etag? })
        };
        let render = |fact: LegalFact| pb::EndLegalFactResponse { legal_fact: Some(fact.into()) };
        self.0.command(request, parse, end, render).await
    }

    async fn list_legal_facts(
        &self,
        request: Request<pb::ListLegalFactsRequest>,
    ) -> Reply<pb::ListLegalFactsResponse> {
        self.0
            .query(request, read_list, list, |(found, next_page_token)| pb::ListLegalFactsResponse {
                legal_facts: found.into_iter().map(Into::into).collect(),
                next_page_token,
            })
            .await
    }

    async fn list_legal_fact_versions(
        &self,
        request: Request<pb::ListLegalFactVersionsRequest>,
    ) -> Reply<pb::ListLegalFactVersionsResponse> {
        let parse = |message: pb::ListLegalFactVersionsRequest, fields: &mut Fields| {
            let id = fields.id("legal_fact_id", &message.legal_fact_id);
            let filter = &message.legal_fact_id;
            let page = Page::parse(fields, message.page_size, &message.page_token, filter);
            Some(Versions { id: id?, page: page? })
        };
        let render = |(found, next_page_token): (Vec<Version>, String)| pb::ListLegalFactVersionsResponse {
            versions: found.into_iter().map(Into::into).collect(),
            next_page_token,
        };
        self.0.query(request, parse, versions, render).await
    }
}

fn read_record(message: pb::RecordLegalFactRequest, fields: &mut Fields) -> Option<Record> {
    let id = fields.optional_id("id", &message.id);
    let person = fields.optional_id("person_id", &message.person_id);
    let content = read_content(message.content, fields);
    Some(Record { id: id?, person: person?, content: content? })
}

fn read_correct(message: pb::CorrectLegalFactRequest, fields: &mut Fields) -> Option<Correct> {
    let id = fields.id("legal_fact_id", &message.legal_fact_id);
    let content = read_content(message.content, fields);
    let etag = etag::parse(fields, &message.etag);
    Some(Correct { id: id?, content: content?, etag: etag? })
}

fn read_confirm(message: pb::ConfirmOriginalRequest, fields: &mut Fields) -> Option<Decide> {
    let id = fields.id("legal_fact_id", &message.legal_fact_id);
    let etag = match etag::parse(fields, &message.etag) {
        Some(None) => fields.wrong("etag", "is missing"),
        said => said,
    };
    Some(Decide { id: id?, etag: etag? })
}

fn read_list(message: pb::ListLegalFactsRequest, fields: &mut Fields) -> Option<List> {
    let person = fields.optional_id("person_id", &message.person_id);
    let filters = (&message.person_id, message.with_past);
    let page = Page::parse(fields, message.page_size, &message.page_token, &filters);
    Some(List { person: person?, with_past: message.with_past, page: page? })
}

fn read_content(message: Option<pb::LegalFactContent>, fields: &mut Fields) -> Option<Content> {
    let Some(said) = message else {
        return fields.wrong("content", "is missing");
    };
    let kind = fields.choice("content.kind", said.kind, |kind| match kind {
        pb::LegalFactKind::AdvanceDecision => Some(Kind::AdvanceDecision),
        pb::LegalFactKind::DoNotAttemptCpr => Some(Kind::DoNotAttemptCpr),
        pb::LegalFactKind::AttorneyHealthAndWelfare => Some(Kind::AttorneyHealthAndWelfare),
        pb::LegalFactKind::AttorneyProperty => Some(Kind::AttorneyProperty),
        pb::LegalFactKind::DeprivationOfLiberty => Some(Kind::DeprivationOfLiberty),
        pb::LegalFactKind::Other => Some(Kind::Other),
        pb::LegalFactKind::Unspecified => None,
    });
    let shortest = usize::from(kind == Some(Kind::Other));
    let name = fields.text("content.name", &said.name, shortest, LONGEST_NAME);
    if kind.is_some_and(|kind| kind != Kind::Other) && name.as_ref().is_some_and(|name| !name.is_empty()) {
        fields.wrong::<()>("content.name", "must be empty: this kind has its own name");
    }
    let valid_from = fields.optional_date("content.valid_from", &said.valid_from);
    let valid_until = fields.optional_date("content.valid_until", &said.valid_until);
    if kind == Some(Kind::DeprivationOfLiberty) {
        for (field, day) in [("content.valid_from", valid_from), ("content.valid_until", valid_until)] {
            if day == Some(None) {
                fields.wrong::<()>(field, "is missing: a deprivation of liberty begins and ends on a day");
            }
        }
    }
    let review_on = fields.optional_date("content.review_on", &said.review_on);
    if let Some(Some(from)) = valid_from {
        if let Some(Some(until)) = valid_until
            && until <= from
        {
            fields.wrong::<()>("content.valid_until", "must lie after valid_from");
        }
        if let Some(Some(review)) = review_on
            && review < from
        {
            fields.wrong::<()>("content.review_on", "must not lie before valid_from");
        }
    }
    let original_place = fields.text("content.original_place", &said.original_place, 0, LONGEST_PLACE);
    Some(Content {
        kind: kind?,
        name: name?,
        valid_from: valid_from?,
        valid_until: valid_until?,
        review_on: review_on?,
        original_place: original_place?,
    })
}

impl From<Content> for pb::LegalFactContent {
    fn from(content: Content) -> Self {
        let kind = match content.kind {
            Kind::AdvanceDecision => pb::LegalFactKind::AdvanceDecision,
            Kind::DoNotAttemptCpr => pb::LegalFactKind::DoNotAttemptCpr,
            Kind::AttorneyHealthAndWelfare => pb::LegalFactKind::AttorneyHealthAndWelfare,
            Kind::AttorneyProperty => pb::LegalFactKind::AttorneyProperty,
            Kind::DeprivationOfLiberty => pb::LegalFactKind::DeprivationOfLiberty,
            Kind::Other => pb::LegalFactKind::Other,
        };
        Self {
            kind: kind.into(),
            name: content.name,
            valid_from: date_text(content.valid_from),
            valid_until: date_text(content.valid_until),
            review_on: date_text(content.review_on),
            original_place: content.original_place,
        }
    }
}

impl From<Written> for pb::LegalFactWritten {
    fn from(written: Written) -> Self {
        let (writer, basis) = match written.writer {
            Writer::Oneself => (pb::LegalFactWriter::Self_, RepresentationBasis::Unspecified),
            Writer::Representative(basis) => {
                (pb::LegalFactWriter::Representative, events::basis_value(basis))
            }
            Writer::Checks => (pb::LegalFactWriter::Checks, RepresentationBasis::Unspecified),
        };
        Self {
            person_id: written.by.to_string(),
            writer: writer.into(),
            representation_basis: basis.into(),
            time: Some(timestamp(written.at)),
        }
    }
}

impl From<LegalFact> for pb::LegalFact {
    fn from(fact: LegalFact) -> Self {
        Self {
            id: fact.id.to_string(),
            person_id: fact.person.to_string(),
            content: Some(fact.content.into()),
            written: Some(fact.written.into()),
            seen_by_person_id: fact.seen.map(|(by, _)| by.to_string()).unwrap_or_default(),
            seen_time: fact.seen.map(|(_, at)| timestamp(at)),
            end_time: fact.ended_at.map(timestamp),
            create_time: Some(timestamp(fact.created_at)),
            etag: etag::of(fact.version),
        }
    }
}

impl From<Version> for pb::LegalFactVersion {
    fn from(version: Version) -> Self {
        let step = match version.step {
            Step::Recorded => pb::LegalFactStep::Recorded,
            Step::Corrected => pb::LegalFactStep::Corrected,
            Step::OriginalSeen => pb::LegalFactStep::OriginalSeen,
            Step::Ended => pb::LegalFactStep::Ended,
        };
        Self {
            version: version.number,
            step: step.into(),
            content: Some(version.content.into()),
            written: Some(version.written.into()),
        }
    }
}
