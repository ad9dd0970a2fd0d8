//! `PlaceLinkService`.

use kith_platform::fields::{Fields, timestamp};
use kith_platform::host;
use kith_platform::id::{PersonId, Uuid};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::place_link_service_server::PlaceLinkService;
use tonic::{Request, Response};

use super::{Reply, decide, read};
use crate::app::{self, Desk};
use crate::domain::place_link::Link;
use crate::domain::tenant::Slug;
use crate::policy::Action;

/// To how many people of a place a link may be shown.
const MOST_READERS: usize = 50;

/// The public face of links between places.
#[derive(Clone, Debug)]
pub struct PlaceLinksFace(Desk);

impl PlaceLinksFace {
    /// Serves from that desk.
    pub fn new(desk: Desk) -> Self {
        Self(desk)
    }
}

#[tonic::async_trait]
impl PlaceLinkService for PlaceLinksFace {
    async fn confirm_place_link(
        &self,
        request: Request<pb::ConfirmPlaceLinkRequest>,
    ) -> Reply<pb::ConfirmPlaceLinkResponse> {
        let actor = host::actor(&request);
        let place = read(request.into_inner(), confirm)?;
        decide(&self.0, actor, Action::ConfirmPlaceLink, app::place_link::require).await?;
        let stands = app::place_link::confirm(&self.0, actor, place).await?;
        Ok(Response::new(pb::ConfirmPlaceLinkResponse { stands }))
    }

    async fn show_place_link(
        &self,
        request: Request<pb::ShowPlaceLinkRequest>,
    ) -> Reply<pb::ShowPlaceLinkResponse> {
        let actor = host::actor(&request);
        let command = read(request.into_inner(), show)?;
        decide(&self.0, actor, Action::ShowPlaceLink, app::place_link::require).await?;
        app::place_link::show(&self.0, actor, command).await?;
        Ok(Response::new(pb::ShowPlaceLinkResponse {}))
    }

    async fn withdraw_place_link(
        &self,
        request: Request<pb::WithdrawPlaceLinkRequest>,
    ) -> Reply<pb::WithdrawPlaceLinkResponse> {
        let actor = host::actor(&request);
        let place = read(request.into_inner(), withdraw)?;
        decide(&self.0, actor, Action::WithdrawPlaceLink, app::place_link::require).await?;
        app::place_link::withdraw(&self.0, actor, place).await?;
        Ok(Response::new(pb::WithdrawPlaceLinkResponse {}))
    }

    async fn list_place_links(
        &self,
        request: Request<pb::ListPlaceLinksRequest>,
    ) -> Reply<pb::ListPlaceLinksResponse> {
        let desk = self.0.clone();
        let parse = |message: pb::ListPlaceLinksRequest, fields: &mut Fields| {
            fields.optional_id::<PersonId>("person_id", &message.person_id).map(|person| (desk, person))
        };
        let render = |links: Vec<Link>| pb::ListPlaceLinksResponse {
            links: links.into_iter().map(Into::into).collect(),
        };
        self.0.host.query(request, parse, app::place_link::list, render).await
    }
}

fn place(fields: &mut Fields, value: &str) -> Option<Slug> {
    match Slug::parse(value) {
        Some(place) => Some(place),
        None => fields.wrong("place", "must be 2 to 40 lower-case letters, digits and hyphens"),
    }
}

fn confirm(message: pb::ConfirmPlaceLinkRequest, fields: &mut Fields) -> Option<Slug> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let place = place(fields, &message.place);
    request_id?;
    place
}

fn show(message: pb::ShowPlaceLinkRequest, fields: &mut Fields) -> Option<app::place_link::Show> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let place = place(fields, &message.place);
    if message.reader_person_ids.len() > MOST_READERS {
        return fields.wrong("reader_person_ids", "must be at most 50");
    }
    let read = |(at, id): (usize, &String)| fields.id::<PersonId>(&format!("reader_person_ids[{at}]"), id);
    let readers: Vec<Option<PersonId>> = message.reader_person_ids.iter().enumerate().map(read).collect();
    request_id?;
    Some(app::place_link::Show { place: place?, readers: readers.into_iter().collect::<Option<_>>()? })
}

fn withdraw(message: pb::WithdrawPlaceLinkRequest, fields: &mut Fields) -> Option<Slug> {
    let request_id = fields.id::<Uuid>("request_id", &message.request_id);
    let place = place(fields, &message.place);
    request_id?;
    place
}

impl From<Link> for pb::PlaceLink {
    fn from(link: Link) -> Self {
        Self {
            place: link.place,
            display_name: link.display_name,
            since: Some(timestamp(link.since)),
            reader_person_ids: link.readers.iter().map(ToString::to_string).collect(),
        }
    }
}
