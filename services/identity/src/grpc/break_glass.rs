//! `BreakGlassReviewService`.

use kith_platform::fields::{Fields, timestamp};
use kith_platform::page::Page;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::break_glass_review_service_server::BreakGlassReviewService;
use tonic::Request;

use super::Reply;
use crate::app::{self, Desk};
use crate::domain::break_glass::{Finding, Notice, Review, ToldAs};

/// The public face of what follows an emergency look.
#[derive(Clone, Debug)]
pub struct BreakGlassFace(Desk);

impl BreakGlassFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl BreakGlassReviewService for BreakGlassFace {
    async fn choose_contact(
        &self,
        request: Request<pb::ChooseContactRequest>,
    ) -> Reply<pb::ChooseContactResponse> {
        let parse = |message: pb::ChooseContactRequest, fields: &mut Fields| {
            fields.optional_id("contact_person_id", &message.contact_person_id)
        };
        let render = |()| pb::ChooseContactResponse {};
        self.0.host.command(request, parse, app::break_glass::choose_contact, render).await
    }

    async fn list_break_glass_notices(
        &self,
        request: Request<pb::ListBreakGlassNoticesRequest>,
    ) -> Reply<pb::ListBreakGlassNoticesResponse> {
        let parse = |message: pb::ListBreakGlassNoticesRequest, fields: &mut Fields| {
            Page::parse(fields, message.page_size, &message.page_token, &"notices")
        };
        let render = |(notices, next_page_token): (Vec<Notice>, String)| pb::ListBreakGlassNoticesResponse {
            notices: notices.into_iter().map(Into::into).collect(),
            next_page_token,
        };
        self.0.host.query(request, parse, app::break_glass::notices, render).await
    }

    async fn list_break_glass_reviews(
        &self,
        request: Request<pb::ListBreakGlassReviewsRequest>,
    ) -> Reply<pb::ListBreakGlassReviewsResponse> {
        let parse = |message: pb::ListBreakGlassReviewsRequest, fields: &mut Fields| {
            Page::parse(fields, message.page_size, &message.page_token, &"reviews")
        };
        let render = |(reviews, next_page_token): (Vec<Review>, String)| pb::ListBreakGlassReviewsResponse {
            reviews: reviews.into_iter().map(Into::into).collect(),
            next_page_token,
        };
        self.0.host.query(request, parse, app::break_glass::reviews, render).await
    }

    async fn close_break_glass_review(
        &self,
        request: Request<pb::CloseBreakGlassReviewRequest>,
    ) -> Reply<pb::CloseBreakGlassReviewResponse> {
        let render = |review: Review| pb::CloseBreakGlassReviewResponse { review: Some(review.into()) };
        self.0.host.command(request, parse_close, app::break_glass::close, render).await
    }
}

fn parse_close(
    message: pb::CloseBreakGlassReviewRequest,
    fields: &mut Fields,
) -> Option<app::break_glass::Close> {
    let look = fields.id("break_glass_id", &message.break_glass_id);
    let finding = fields.choice("finding", message.finding, |finding| match finding {
        pb::BreakGlassFinding::Justified => Some(Finding::Justified),
        pb::BreakGlassFinding::NotJustified => Some(Finding::NotJustified),
        pb::BreakGlassFinding::Unspecified => None,
    });
    Some(app::break_glass::Close { look: look?, finding: finding? })
}

impl From<Notice> for pb::BreakGlassNotice {
    fn from(notice: Notice) -> Self {
        let told_as = match notice.told_as {
            ToldAs::Person => "person",
            ToldAs::Contact => "contact",
            ToldAs::PrivacyLead => "privacy_lead",
            ToldAs::Administrator => "administrator",
        };
        Self {
            break_glass_id: notice.look_id.to_string(),
            person_id: notice.person.to_string(),
            service: notice.service,
            told_as: told_as.to_owned(),
            open_time: Some(timestamp(notice.opened_at)),
        }
    }
}

impl From<Review> for pb::BreakGlassReview {
    fn from(review: Review) -> Self {
        let finding = match review.closed.map(|closed| closed.finding) {
            Some(Finding::Justified) => pb::BreakGlassFinding::Justified,
            Some(Finding::NotJustified) => pb::BreakGlassFinding::NotJustified,
            None => pb::BreakGlassFinding::Unspecified,
        };
        Self {
            break_glass_id: review.look.id.to_string(),
            person_id: review.look.person.to_string(),
            opened_by_person_id: review.look.opened_by.to_string(),
            service: review.look.service,
            open_time: Some(timestamp(review.look.opened_at)),
            finding: finding.into(),
            closed_by_person_id: review.closed.map(|closed| closed.by.to_string()).unwrap_or_default(),
        }
    }
}
