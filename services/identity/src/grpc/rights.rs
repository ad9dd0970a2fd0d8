//! `RightsService`.

use chrono::{DateTime, Utc};
use kith_platform::error::{Error, Result};
use kith_platform::fields::{Fields, date_text, timestamp};
use kith_platform::host;
use kith_platform::id::{PersonId, Uuid};
use kith_platform::page::Page;
use kith_proto::common::v1::{ErasureReport, KeptClass, PersonalRow};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::rights_service_server::RightsService;
use tonic::Request;

use super::{Reply, parse};
use crate::app::rights::Progress;
use crate::app::{self, Desk};
use crate::domain::rights::{AccessRequest, Erasure, Hold, HoldBasis, Phase, Report, RetentionClass};
use crate::domain::{ErasureId, HoldId};

/// The public face of rights over one's own data.
#[derive(Clone, Debug)]
pub struct RightsFace(Desk);

impl RightsFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl RightsService for RightsFace {
    async fn export_sign_in(
        &self,
        request: Request<pb::ExportSignInRequest>,
    ) -> Reply<pb::ExportSignInResponse> {
        let actor = host::actor(&request);
        let render = |()| pb::ExportSignInResponse::default();
        // Of no tenant, so read after the decision was written down.
        let mut answer =
            self.0.host.query(request, parse::nothing, app::rights::export_sign_in, render).await?;
        let rows = app::rights::sign_in_rows(&self.0, actor).await?;
        answer.get_mut().rows = rows.into_iter().map(|(table, json)| PersonalRow { table, json }).collect();
        Ok(answer)
    }

    async fn open_access_request(
        &self,
        request: Request<pb::OpenAccessRequestRequest>,
    ) -> Reply<pb::OpenAccessRequestResponse> {
        let parse = |message: pb::OpenAccessRequestRequest, fields: &mut Fields| {
            fields.id::<PersonId>("person_id", &message.person_id)
        };
        let render = |opened: AccessRequest| pb::OpenAccessRequestResponse {
            access_request_id: opened.id.to_string(),
            expire_time: Some(timestamp(opened.valid_until)),
        };
        self.0.host.command(request, parse, app::rights::open_access_request, render).await
    }

    async fn ask_erasure(&self, request: Request<pb::AskErasureRequest>) -> Reply<pb::AskErasureResponse> {
        let parse = |message: pb::AskErasureRequest, fields: &mut Fields| {
            fields.optional_id::<PersonId>("person_id", &message.person_id)
        };
        let render = |progress| pb::AskErasureResponse { erasure: Some(with_reports(progress)) };
        self.0.host.command(request, parse, app::rights::ask_erasure, render).await
    }

    async fn order_erasure(
        &self,
        request: Request<pb::OrderErasureRequest>,
    ) -> Reply<pb::OrderErasureResponse> {
        let actor = host::actor(&request);
        let parse = |message: pb::OrderErasureRequest, fields: &mut Fields| {
            fields.id::<ErasureId>("erasure_id", &message.erasure_id)
        };
        let render = |progress| pb::OrderErasureResponse { erasure: Some(with_reports(progress)) };
        let answer = self.0.host.command(request, parse, app::rights::order_erasure, render).await?;
        app::rights::forget_sign_in(&self.0, actor, about(answer.get_ref())?).await?;
        Ok(answer)
    }

    async fn get_erasure(&self, request: Request<pb::GetErasureRequest>) -> Reply<pb::GetErasureResponse> {
        let parse = |message: pb::GetErasureRequest, fields: &mut Fields| {
            fields.id::<ErasureId>("erasure_id", &message.erasure_id)
        };
        let render = |progress| pb::GetErasureResponse { erasure: Some(with_reports(progress)) };
        self.0.host.query(request, parse, app::rights::get_erasure, render).await
    }

    async fn list_erasures(
        &self,
        request: Request<pb::ListErasuresRequest>,
    ) -> Reply<pb::ListErasuresResponse> {
        let parse = |message: pb::ListErasuresRequest, fields: &mut Fields| {
            Page::<(DateTime<Utc>, Uuid)>::parse(fields, message.page_size, &message.page_token, &"erasures")
        };
        let render = |(erasures, next_page_token): (Vec<Erasure>, String)| pb::ListErasuresResponse {
            erasures: erasures.into_iter().map(Into::into).collect(),
            next_page_token,
        };
        self.0.host.query(request, parse, app::rights::list_erasures, render).await
    }

    async fn set_legal_hold(
        &self,
        request: Request<pb::SetLegalHoldRequest>,
    ) -> Reply<pb::SetLegalHoldResponse> {
        let parse = |message: pb::SetLegalHoldRequest, fields: &mut Fields| {
            let person = fields.id::<PersonId>("person_id", &message.person_id);
            let basis = fields.choice("basis", message.basis, |basis| match basis {
                pb::HoldBasis::Litigation => Some(HoldBasis::Litigation),
                pb::HoldBasis::Inquiry => Some(HoldBasis::Inquiry),
                pb::HoldBasis::Safeguarding => Some(HoldBasis::Safeguarding),
                pb::HoldBasis::Unspecified => None,
            });
            person.zip(basis)
        };
        let render = |hold: Hold| pb::SetLegalHoldResponse { legal_hold: Some(hold.into()) };
        self.0.host.command(request, parse, app::rights::set_legal_hold, render).await
    }

    async fn lift_legal_hold(
        &self,
        request: Request<pb::LiftLegalHoldRequest>,
    ) -> Reply<pb::LiftLegalHoldResponse> {
        let parse = |message: pb::LiftLegalHoldRequest, fields: &mut Fields| {
            fields.id::<HoldId>("legal_hold_id", &message.legal_hold_id)
        };
        let render = |hold: Hold| pb::LiftLegalHoldResponse { legal_hold: Some(hold.into()) };
        self.0.host.command(request, parse, app::rights::lift_legal_hold, render).await
    }

    async fn list_retention_classes(
        &self,
        request: Request<pb::ListRetentionClassesRequest>,
    ) -> Reply<pb::ListRetentionClassesResponse> {
        let render = |classes: Vec<RetentionClass>| pb::ListRetentionClassesResponse {
            retention_classes: classes.into_iter().map(Into::into).collect(),
        };
        self.0.host.query(request, parse::nothing, app::rights::list_retention_classes, render).await
    }

    async fn set_retention_class(
        &self,
        request: Request<pb::SetRetentionClassRequest>,
    ) -> Reply<pb::SetRetentionClassResponse> {
        let render =
            |class: RetentionClass| pb::SetRetentionClassResponse { retention_class: Some(class.into()) };
        self.0.host.command(request, retention_class, app::rights::set_retention_class, render).await
    }
}

/// Whom an answer, new or saved, is about.
fn about(answer: &pb::OrderErasureResponse) -> Result<PersonId> {
    let id = answer.erasure.as_ref().and_then(|erasure| Uuid::try_parse(&erasure.person_id).ok());
    id.map(PersonId).ok_or_else(|| Error::internal(anyhow::anyhow!("an answer names no person")))
}

fn retention_class(message: pb::SetRetentionClassRequest, fields: &mut Fields) -> Option<RetentionClass> {
    let Some(said) = message.retention_class else {
        return fields.wrong("retention_class", "is missing");
    };
    let class = fields.text("retention_class.class", &said.class, 1, 60);
    let valid_from = fields.date("retention_class.valid_from", &said.valid_from);
    let months = match said.months {
        None => Some(None),
        Some(months @ 0..=1200) => Some(Some(months)),
        Some(_) => fields.wrong("retention_class.months", "must be 0 to 1200"),
    };
    let counts_from = fields.text("retention_class.counts_from", &said.counts_from, 1, 200);
    let basis = fields.text("retention_class.basis", &said.basis, 1, 200);
    let source = fields.text("retention_class.source", &said.source, 1, 300);
    Some(RetentionClass {
        class: class?,
        valid_from: valid_from?,
        months: months?,
        counts_from: counts_from?,
        basis: basis?,
        source: source?,
    })
}

fn with_reports(progress: Progress) -> pb::Erasure {
    let mut erasure: pb::Erasure = progress.erasure.into();
    let person_id = erasure.person_id.clone();
    let erasure_id = erasure.id.clone();
    let report = |report: Report| ErasureReport {
        erasure_id: erasure_id.clone(),
        person_id: person_id.clone(),
        service: report.service,
        deleted_rows: report.deleted_rows,
        blanked_rows: report.blanked_rows,
        id_only_rows: report.id_only_rows,
        kept: report
            .kept
            .into_iter()
            .map(|kept| KeptClass { class: kept.class, rows: kept.rows, until: date_text(kept.until) })
            .collect(),
    };
    erasure.reports = progress.reports.into_iter().map(report).collect();
    erasure
}

impl From<Erasure> for pb::Erasure {
    fn from(erasure: Erasure) -> Self {
        let phase = match erasure.phase {
            Phase::Asked => pb::ErasurePhase::Asked,
            Phase::Ordered => pb::ErasurePhase::Ordered,
            Phase::Completed => pb::ErasurePhase::Completed,
            Phase::Restricted => pb::ErasurePhase::Restricted,
        };
        Self {
            id: erasure.id.to_string(),
            person_id: erasure.person.to_string(),
            phase: phase.into(),
            ask_time: Some(timestamp(erasure.asked_at)),
            order_time: erasure.ordered_at.map(timestamp),
            reports: Vec::new(),
            restricted_until: date_text(erasure.restricted_until),
        }
    }
}

impl From<Hold> for pb::LegalHold {
    fn from(hold: Hold) -> Self {
        Self {
            id: hold.id.to_string(),
            person_id: hold.person.to_string(),
            basis: crate::events::hold_basis(hold.basis).into(),
            set_time: Some(timestamp(hold.set_at)),
            lift_time: hold.lifted_at.map(timestamp),
        }
    }
}

impl From<RetentionClass> for pb::RetentionClass {
    fn from(class: RetentionClass) -> Self {
        Self {
            class: class.class,
            valid_from: class.valid_from.to_string(),
            months: class.months,
            counts_from: class.counts_from,
            basis: class.basis,
            source: class.source,
        }
    }
}
